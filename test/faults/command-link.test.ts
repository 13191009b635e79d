// The link that commands go over fails without a sign, or is slow while Redis loses everything.
import { test } from 'tap'
import { call, connect, eventually, follow, noEvent, publish, roomEvent, startClock, startInstance, startProxy, startRedis, subscribe, token, upTo } from '../helpers/index.ts'

test('half-open command link: not ready, replaced within 5 s, and what was in doubt is there once', async t => {
  const redis = await startRedis(t)
  const proxy = await startProxy(t, redis.port)
  const instance = await startInstance(t, { REDIS_URL: proxy.url() })
  await instance.ready()
  const follower = await follow(await connect(t, instance.url, { token: token() }), 'acme', 'board')
  const other = await connect(t, instance.url, { token: token({ sub: 'bob' }) })
  await subscribe(other, 'acme', 'other')
  const send = (n: number) => publish(instance.url, { workspaceId: 'acme', appId: 'board', event: 'N', payload: n, id: `update-${n}` })
  t.equal((await send(1)).status, 200)

  const list = String(await redis.client().call('CLIENT', 'LIST'))
  const ports = [...list.matchAll(/ addr=\S+?:(\d+).* name=roomcast-commands /g)].map(([, port]) => Number(port))
  t.equal(ports.length, 1)
  proxy.strand(ports)
  const clock = startClock(t)
  await noEvent(other, roomEvent('acme', 'board'), async () => {
    t.match(await send(2), { status: 503, body: { error: { code: 'broker/timeout' } } })
    await eventually(async () => (await fetch(`${instance.url}/readyz`)).status === 503)
    t.ok(clock.now() < 3500)
    await eventually(async () => (await send(2)).status === 200, 5000)
    t.ok(clock.now() < 5500, `replaced after ${Math.round(clock.now())} ms`)
    t.equal((await send(3)).body.data?.offset, 3)
    t.strictSame((await follower.until(3)).map(({ payload }) => payload), upTo(3))
    await subscribe(other, 'acme', 'barrier')
  })
})

test('Redis loses everything, and a user is disconnected at once: it counts on an instance far from Redis that keeps no empty room', async t => {
  const redis = await startRedis(t)
  const link = await startProxy(t, redis.port)
  const settings = { ROOM_LINGER_MS: '0' }
  const [far, near] = await Promise.all([startInstance(t, { REDIS_URL: link.url(), ...settings }), startInstance(t, { REDIS_URL: redis.url, ...settings })])
  await Promise.all([far.ready(), near.ready()])
  const sockets = await Promise.all([far, near].map(({ url }) => connect(t, url, { token: token({ sub: 'dan' }) })))
  const bob = await connect(t, far.url, { token: token({ sub: 'bob' }) })
  link.delay(80)
  await redis.client().flushall()
  const { status } = await call(near.url, 'POST', '/api/v1/sessions/disconnect', { token: token({ sub: 'svc' }), body: { userId: 'dan' } })
  t.equal(status, 200)
  await eventually(() => sockets.every(({ connected }) => !connected), 5000)
  t.ok(bob.connected)
})
