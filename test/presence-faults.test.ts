// Presence when things break: an instance killed, one cut off, a Redis that loses everything.
import { test } from 'tap'
import { clientOf, cluster, eventually, heard, startClock, startInstance, startProxy, startRedis } from './helpers/index.ts'
import { member, pair, users, watch, watcher } from './helpers/presence.ts'

test('the people of a killed instance are gone within 15 s, seen on every other one', async t => {
  const redis = await startRedis(t)
  const [a, b, c] = await cluster(t, 3, { REDIS_URL: redis.url })
  await Promise.all([a.ready(), b.ready(), c.ready()])
  const ann = await watcher(t, a, 'ann')
  const carl = await watcher(t, c, 'carl')
  await Promise.all([member(t, b, { sub: 'bob' }), member(t, b, { sub: 'bea' })])
  await eventually(() => [ann, carl].every(({ count }) => count() === 4))
  const clock = startClock(t)
  await b.kill()
  await eventually(() => [ann, carl].every(({ count }) => count() === 2), 20_000)
  t.ok(clock.now() < 15_000, `${Math.round(clock.now())} ms`)
  for (const { log } of [ann, carl]) {
    t.strictSame(new Set(log.slice(-2)), new Set(['-bob', '-bea']))
    t.notOk(log.includes('-ann') || log.includes('-carl'), 'nobody else leaves')
  }
  for (const instance of [a, c]) t.equal(await users(instance), 'ann carl')
})

for (const [what, lose] of [
  ['emptied', async (redis: { client: () => { flushall: () => Promise<unknown> } }) => { await redis.client().flushall() }],
  ['restarted empty', async (redis: { restart: () => Promise<void> }) => { await redis.restart() }]
] as const) {
  test(`Redis is ${what}: presence is whole again, and nobody seems to leave or join`, async t => {
    const { redis, a, b } = await pair(t)
    const ann = clientOf(t, a.url, { sub: 'ann' })
    const bob = clientOf(t, b.url, { sub: 'bob' })
    const seen = [watch(ann.socket), watch(bob.socket)]
    const rooms = [ann.room('acme', 'board-1'), bob.room('acme', 'board-1')] as const
    await eventually(() => rooms.every(({ presence }) => presence.count === 2))
    await eventually(() => seen.every(({ count }) => count() === 2))
    const before = seen.map(({ log }) => log.length)

    const told = rooms.map(each => heard(each, 'reset', undefined, 20_000))
    await lose(redis)
    await Promise.all(told)
    await eventually(async () => await redis.client().hlen('roomcast:{acme/board-1}:presence') === 2, 20_000)
    await eventually(() => rooms.every(({ isJoined }) => isJoined))
    for (const instance of [a, b]) t.equal(await users(instance), 'ann bob')

    const carl = await member(t, b, { sub: 'carl' })
    await eventually(() => seen.every(({ log }) => log.includes('+carl')))
    carl.close()
    // Longer than the linger of the memberships that the reset ended.
    await eventually(() => seen.every(({ log }) => log.includes('-carl')), 15_000)
    t.strictSame(seen.map(({ log }, i) => log.slice(before[i])), [['+carl', '-carl'], ['+carl', '-carl']])
    t.strictSame(rooms.map(({ presence }) => presence.count), [2, 2])
  })
}

test('an instance that is cut off from Redis for a while keeps its view, and is right again after', async t => {
  const redis = await startRedis(t)
  const proxy = await startProxy(t, redis.port)
  const [a, b] = await Promise.all([startInstance(t, { REDIS_URL: proxy.url() }), startInstance(t, { REDIS_URL: redis.url, PRESENCE_LINGER_MS: '0' })])
  await Promise.all([a.ready(), b.ready()])
  const ann = await watcher(t, a, 'ann')
  const bob = await member(t, b, { sub: 'bob' })
  await eventually(() => ann.log.includes('+bob'))
  await proxy.cut()
  bob.close()
  await member(t, b, { sub: 'carl' })
  await proxy.heal()
  await eventually(() => ann.log.includes('-bob') && ann.log.includes('+carl'), 30_000)
  t.strictSame(ann.log.slice().sort(), ['+ann', '+bob', '+carl', '-bob'])
  await eventually(async () => await users(a) === 'ann carl')
})
