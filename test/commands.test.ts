// The commands room when things are odd: ids of every alphabet, entries nobody can read, thousands that were kept.
import { test } from 'tap'
import { call, connect, eventually, limitHits, metric, nextEvent, noEvent, publish, roomEvent, startInstance, startRedis, subscribe, token, type Instance } from './helpers/index.ts'

const LOG = 'roomcast:{$/commands}:log'
const META = 'roomcast:{$/commands}:meta'

async function command (instance: Instance, path: string, body: object) {
  return (await call<{ sockets: number, complete: boolean }>(instance.url, 'POST', `/api/v1/${path}`, { token: token({ sub: 'svc' }), body })).body.data
}

test('a user id of any alphabet can be revoked, outlives a Redis that lost everything, and stops nothing else', async t => {
  const redis = await startRedis(t)
  const first = await startInstance(t, { REDIS_URL: redis.url })
  await first.ready()
  const names = ['Jörg Müller', '毛', 'x'.repeat(256)]
  for (const userId of names) t.match(await command(first, 'tokens/revoke', { userId, issuedBefore: Date.now() + 60_000 }), { complete: true })
  await redis.client().flushall()
  await eventually(async () => await metric(first.url, 'roomcast_feed_resets_total') > 0)
  // All of them in one entry.
  await eventually(async () => await redis.client().xlen(LOG) === 1)

  const second = await startInstance(t, { REDIS_URL: redis.url })
  await second.ready()
  for (const sub of names) await t.rejects(connect(t, second.url, { token: token({ sub }) }), { message: 'auth/token-revoked' })
  const ann = await connect(t, second.url, { token: token() })
  const bob = await connect(t, second.url, { token: token({ sub: 'bob' }) })
  const closing = nextEvent(ann, 'closing')
  t.strictSame(await command(first, 'sessions/disconnect', { userId: 'ann' }), { sockets: 1, complete: true })
  t.match(await closing, { code: 'auth/disconnected' })
  t.ok(bob.connected)
})

test('an entry that nobody can read is stepped over, by who follows and by who comes new', async t => {
  const redis = await startRedis(t)
  const client = redis.client()
  const first = await startInstance(t, { REDIS_URL: redis.url })
  await first.ready()
  t.match(await command(first, 'tokens/revoke', { jti: 'before' }), { complete: true })
  const offset = Number(await client.hget(META, 'offset')) + 1
  await client.xadd(LOG, `${offset}-0`, 'm', 'of a version to come', 'k', '')
  await client.hset(META, 'offset', offset)
  await command(first, 'tokens/revoke', { jti: 'after' })

  const second = await startInstance(t, { REDIS_URL: redis.url })
  await second.ready()
  for (const instance of [first, second]) {
    for (const jti of ['before', 'after']) {
      const refused = await eventually(() => connect(t, instance.url, { token: token({ jti }) }).then(() => false, (error: Error) => error.message))
      t.equal(refused, 'auth/token-revoked')
    }
  }
  t.match(await command(first, 'tokens/revoke', { jti: 'later' }), { complete: true })
  t.ok(await metric(first.url, 'roomcast_history_reads_total') < 50, 'without reading in circles')
})

for (const [what, lose] of [
  ['a second time, from a snapshot', async redis => {
    for (let round = 1; round <= 2; round++) {
      const epoch = await redis.client().hget(META, 'epoch')
      await redis.client().save()
      await redis.restart()
      await eventually(async () => ![null, epoch].includes(await redis.client().hget(META, 'epoch')) && await redis.client().xlen(LOG) > 0, 10_000)
    }
  }],
  ['by its log alone', async redis => { await redis.client().del(LOG) }],
  ['by more commands than are kept', async (_redis, first) => {
    for (let n = 0; n < 60; n++) await command(first, 'sessions/unsubscribe', { userId: 'nobody', workspaceId: 'acme', appId: 'board-1' })
  }]
] as Array<[string, (redis: Awaited<ReturnType<typeof startRedis>>, first: Instance) => Promise<void>]>) {
  test(`a revocation that Redis lost ${what} still counts on an instance that starts after`, async t => {
    const redis = await startRedis(t)
    const settings = { REDIS_URL: redis.url, COMMANDS_HISTORY_SIZE: '50' }
    const first = await startInstance(t, settings)
    await first.ready()
    await command(first, 'tokens/revoke', { jti: 'stolen' })
    await lose(redis, first)
    await first.ready()
    const second = await startInstance(t, settings)
    await second.ready()
    for (const instance of [first, second]) {
      const tryStolen = async () => (await connect(t, instance.url, { token: token({ jti: 'stolen' }) }).then(() => 'connected', (error: Error) => error.message))
      // Those who know it may still be writing it again.
      t.equal(await eventually(async () => await tryStolen() === 'auth/token-revoked' && 'refused'), 'refused')
      await connect(t, instance.url, { token: token({ jti: 'another' }) })
    }
  })
}

test('the kept part of a trimmed log counts, even if no instance was left that knew it', async t => {
  const redis = await startRedis(t)
  const settings = { REDIS_URL: redis.url, COMMANDS_HISTORY_SIZE: '50' }
  const first = await startInstance(t, settings)
  await first.ready()
  for (let n = 0; n < 60; n++) await command(first, 'sessions/unsubscribe', { userId: 'nobody', workspaceId: 'acme', appId: 'board-1' })
  await command(first, 'tokens/revoke', { jti: 'stolen' })
  await first.kill()
  for (let n = 0; n < 2; n++) {
    const next = await startInstance(t, settings)
    await next.ready()
    await t.rejects(connect(t, next.url, { token: token({ jti: 'stolen' }) }), { message: 'auth/token-revoked' })
    await connect(t, next.url, { token: token({ jti: 'another' }) })
    await next.kill()
  }
})

test('nonsense on the channels of an instance disturbs nobody', async t => {
  const redis = await startRedis(t)
  const instance = await startInstance(t, { REDIS_URL: redis.url })
  await instance.ready()
  const client = redis.client()
  const socket = await connect(t, instance.url, { token: token() })
  const other = await connect(t, instance.url, { token: token({ sub: 'bob' }) })
  await subscribe(socket, 'acme', 'board-1')
  await subscribe(other, 'acme', 'board-2')
  const base = { v: 1, kind: 'ephemeral', epoch: 'e', publishedAt: 1, id: 'i', userId: 'u' }
  for (const channel of await client.call('PUBSUB', 'CHANNELS', 'roomcast:*') as string[]) {
    for (const event of ['probe', 'answer', 'alive', 'command']) {
      for (const payload of ['x', null, [], {}, { id: 1 }]) await client.publish(channel, JSON.stringify({ ...base, event, payload }))
    }
  }
  const heard = nextEvent<{ offset?: number }>(socket, roomEvent('acme', 'board-1'), ({ offset }) => offset !== undefined)
  await noEvent(other, roomEvent('acme', 'board-1'), async () => {
    t.equal((await publish(instance.url, { workspaceId: 'acme', appId: 'board-1', event: 'E', payload: 1 })).status, 200)
    t.match(await heard, { offset: 1 })
    await subscribe(other, 'acme', 'barrier')
  })
  await instance.ready()
})

test('thousands of kept commands do not hold up a start', async t => {
  const redis = await startRedis(t)
  const first = await startInstance(t, { REDIS_URL: redis.url })
  await first.ready()
  await command(first, 'sessions/disconnect', { userId: 'nobody' })
  // An instance that goes on would write checkpoints between these entries.
  await first.kill()
  const client = redis.client()
  const [[, [, text = '']] = ['', []]] = await client.xrevrange(LOG, '+', '-', 'COUNT', 1) as Array<[string, string[]]>
  const kept = JSON.parse(text) as { offset: number, publishedAt: number, payload: object }
  const pipeline = client.pipeline()
  const total = 4000
  for (let offset = kept.offset + 1; offset <= total; offset++) {
    const payload = offset === total ? { command: { do: 'revoke', target: { jti: 'the last' } } } : kept.payload
    pipeline.xadd(LOG, `${offset}-0`, 'm', JSON.stringify({ ...kept, offset, payload, publishedAt: kept.publishedAt - 3_600_000, id: `old-${offset}` }), 'k', '')
  }
  pipeline.hset(META, 'offset', total)
  await pipeline.exec()
  const second = await startInstance(t, { REDIS_URL: redis.url })
  const revoked = { token: token({ jti: 'the last' }) }
  const verdict = await eventually(async () => {
    const { body } = await call(second.url, 'GET', '/api/v1/workspaces/acme/apps/board-1/presence', revoked)
    return body.error?.code !== 'broker/unavailable' && (body.error?.code ?? 'accepted')
  })
  t.equal(verdict, 'auth/token-revoked', 'no token is trusted before the last of them is known')
  await second.ready(5000)
  t.equal(await limitHits(second.url, 'redis-pending'), 0)
  t.equal(await metric(second.url, 'roomcast_commands_total'), total - kept.offset + 1)
})
