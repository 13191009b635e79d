// Starting: without Redis, without a key, and what is answered until both are there.
import { test } from 'tap'
import { call, connect, eventually, freePort, metric, nextEvent, publish, roomEvent, startClock, startInstance, startRedis, subscribe, TEST_SECRET, token } from './helpers/index.ts'
import { startChild, untilReady } from './helpers/child.ts'

const UPDATE = { workspaceId: 'acme', appId: 'board-1', event: 'E', payload: 1 }

test('Redis is not reachable at start: refusals are typed and quick, and it works once Redis comes', async t => {
  const port = await freePort()
  const instance = await startInstance(t, { REDIS_URL: `redis://127.0.0.1:${port}` })
  const ready = await fetch(`${instance.url}/readyz`)
  t.equal(ready.status, 503)
  t.match((await ready.json() as { reasons: string[] }).reasons, ['not connected to Redis'])
  t.equal((await fetch(`${instance.url}/livez`)).status, 200)

  const clock = startClock(t)
  const refused = await publish(instance.url, UPDATE)
  t.ok(clock.now() < 1100)
  t.equal(refused.status, 503)
  t.equal(refused.body.error?.code, 'broker/unavailable')
  t.equal(refused.headers.get('retry-after'), '1')
  await t.rejects(connect(t, instance.url, { token: token() }), 'the engine refuses for now')

  await startRedis(t, { port })
  await instance.ready()
  const socket = await connect(t, instance.url, { token: token() })
  await subscribe(socket, 'acme', 'board-1')
  const heard = nextEvent(socket, roomEvent('acme', 'board-1'))
  t.equal((await publish(instance.url, UPDATE)).status, 200)
  t.match(await heard, { offset: 1, payload: 1 })
})

test('a stock client that came before Redis connects by itself once Redis is there', async t => {
  const port = await freePort()
  const instance = await startInstance(t, { REDIS_URL: `redis://127.0.0.1:${port}` })
  const connected = connect(t, instance.url, { token: token(), reconnection: true, reconnectionDelay: 50, reconnectionDelayMax: 200 })
  await startRedis(t, { port })
  t.ok((await connected).connected)
})

test('in production it refuses to start without a key, with one clear line', async t => {
  const { url: _, ...instance } = await startInstance(t, { NODE_ENV: 'production', JWT_SECRET: '' }).catch((error: Error) => ({ url: '', message: error.message }))
  t.match(instance, { message: /JWT_SECRET, JWT_PUBLIC_KEY or JWT_JWKS_URL should be set/ })
})

test('without any setting it runs with the embedded broker and prints a token that works', async t => {
  const instance = await startInstance(t, { JWT_SECRET: '', NODE_ENV: '' })
  await instance.ready()
  const printed = await eventually(() => /^eyJ\S+$/m.exec(instance.output())?.[0])
  t.match(instance.output(), /embedded broker/)
  const answer = await call(instance.url, 'PUT', '/api/v1/apps', {
    token: printed, body: { workspaceId: 'acme', appId: 'board-1', displayName: 'Plans' }
  })
  t.equal(answer.status, 200)
})

test('a log that cannot be written ends nothing, neither at work nor on the way out', async t => {
  const port = await freePort()
  const child = await startChild(t, 'bash', ['-c', 'exec node dist/server.js > /dev/full'], {
    PATH: process.env.PATH, PORT: String(port), HOST: '127.0.0.1', JWT_SECRET: TEST_SECRET, LOG_LEVEL: 'debug', DRAIN_DELAY_SECONDS: '0', DRAIN_SECONDS: '0'
  })
  const url = `http://127.0.0.1:${port}`
  await untilReady(child, 'the service', async () => (await fetch(`${url}/readyz`)).ok)
  t.equal((await publish(url, UPDATE)).status, 200)
  t.ok(await metric(url, 'roomcast_log_errors_total') > 0)
  t.strictSame(await child.kill('SIGHUP'), { code: 0, signal: null })
})
