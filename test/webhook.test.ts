// Rooms that come and go: the webhook hears of the first member over all instances, and of the last.
import { createHmac } from 'node:crypto'
import { test } from 'tap'
import { cluster, connect, eventually, rawConnect, startReceiver, startRedis, subscribe, token, within, type Receiver } from './helpers/index.ts'

const SECRET = 'a-secret-of-the-webhook'

function settingsFor ({ url }: Receiver) {
  return { WEBHOOK_URL: url, WEBHOOK_SECRET: SECRET, WEBHOOK_BATCH_MS: '50', ROOM_LINGER_MS: '200' }
}

test('one event for the first member over all instances and one for the last, signed', async t => {
  const redis = await startRedis(t)
  const receiver = await startReceiver(t)
  const [a, b] = await cluster(t, 2, { REDIS_URL: redis.url, ...settingsFor(receiver) })
  await Promise.all([a.ready(), b.ready()])
  const [ann, bob] = await Promise.all([connect(t, a.url, { token: token() }), connect(t, b.url, { token: token({ sub: 'bob' }) })])
  await subscribe(ann, 'acme', 'board-1')
  await eventually(() => receiver.events('board-1').length === 1)
  await subscribe(bob, 'acme', 'board-1')
  ann.close()
  await subscribe(bob, 'acme', 'barrier')
  await eventually(() => receiver.events('barrier').length === 1)
  t.strictSame(receiver.events('board-1'), ['room.occupied'], 'neither the second member nor the first to leave')
  bob.close()
  await eventually(() => receiver.events('board-1').length === 2 && receiver.events('barrier').length === 2)
  t.strictSame(receiver.events('board-1'), ['room.occupied', 'room.vacated'])

  for (const { headers, text } of receiver.requests) {
    const signed = `${String(headers['webhook-id'])}.${String(headers['webhook-timestamp'])}.${text}`
    t.equal(headers['webhook-signature'], `v1,${createHmac('sha256', SECRET).update(signed).digest('base64')}`)
  }
})

test('a batch that is not accepted is repeated with the same ids', async t => {
  const receiver = await startReceiver(t, [500, 503])
  const [a] = await cluster(t, 1, { ...settingsFor(receiver), WEBHOOK_RETRY_MAX_MS: '100' })
  await a.ready()
  const ann = await connect(t, a.url, { token: token() })
  await subscribe(ann, 'acme', 'board-1')
  const [first, second, third] = await eventually(() => receiver.requests.length >= 3 && receiver.requests)
  t.same([second?.events[0]?.id, third?.events[0]?.id], [first?.events[0]?.id, first?.events[0]?.id])
  t.equal(third?.headers['webhook-id'], first?.headers['webhook-id'])
  t.equal(receiver.requests.length, 3)
})

test('a repeated batch stays the same, even after more events', async t => {
  const receiver = await startReceiver(t, [500, 500])
  const [a] = await cluster(t, 1, { ...settingsFor(receiver), WEBHOOK_RETRY_MAX_MS: '500' })
  await a.ready()
  const ann = await connect(t, a.url, { token: token() })
  await subscribe(ann, 'acme', 'board-1')
  await eventually(() => receiver.requests.length === 1)
  await subscribe(ann, 'acme', 'board-2')
  await eventually(() => receiver.requests.length === 4)
  t.strictSame(receiver.requests.map(({ events }) => events.map(({ appId }) => appId)), [['board-1'], ['board-1'], ['board-1'], ['board-2']])
  t.equal(new Set(receiver.requests.slice(0, 3).map(({ headers }) => headers['webhook-id'])).size, 1)
  t.not(receiver.requests[3]?.headers['webhook-id'], receiver.requests[0]?.headers['webhook-id'])
})

test('a killed instance leaves its rooms: the others tell, once', async t => {
  const redis = await startRedis(t)
  const receiver = await startReceiver(t)
  const [a, b, c] = await cluster(t, 3, { REDIS_URL: redis.url, ...settingsFor(receiver), HEARTBEAT_MS: '200', LEASE_MS: '1000' })
  await Promise.all([a.ready(), b.ready(), c.ready()])
  const ann = await connect(t, a.url, { token: token() })
  await subscribe(ann, 'acme', 'board-1')
  await eventually(() => receiver.events('board-1').length === 1)
  await a.kill()
  await eventually(() => receiver.events('board-1').length === 2, 10_000)
  t.strictSame(receiver.events('board-1'), ['room.occupied', 'room.vacated'])
  t.equal(await redis.client().exists('roomcast:{$/hooks}:subjects'), 0)
})

test('SIGTERM with 250 rooms to be told of: all that waits is sent, though a request under way never ends', async t => {
  const redis = await startRedis(t)
  const receiver = await startReceiver(t)
  const [a] = await cluster(t, 1, {
    REDIS_URL: redis.url, ...settingsFor(receiver), WEBHOOK_BATCH_MS: '60000', ROOM_LINGER_MS: '60000', DRAIN_DELAY_SECONDS: '0', DRAIN_SECONDS: '0', CLOSE_TIMEOUT_MS: '2000'
  })
  await a.ready()
  const ann = await connect(t, a.url, { token: token(), reconnection: false })
  await Promise.all(Array.from({ length: 250 }, async (_, i) => await subscribe(ann, 'acme', `board-${i}`)))
  const half = await rawConnect(t, a.port)
  half.send(`POST /api/v1/publish HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${token()}\r\nContent-Type: application/json\r\nContent-Length: 1000\r\n\r\n{`)
  t.equal((await within(10_000, 'exit', a.kill('SIGTERM'))).code, 0)
  const told = receiver.requests.flatMap(({ events }) => events)
  t.equal(told.filter(({ event }) => event === 'room.occupied').length, 250)
  t.strictSame(new Set(told.filter(({ event }) => event === 'room.vacated').map(({ appId }) => appId)).size, 250)
  t.equal(new Set(told.map(({ id }) => id)).size, 500, 'each once')
})

test('SIGTERM while Redis is away ends as it should, with events that wait there', async t => {
  const redis = await startRedis(t)
  const receiver = await startReceiver(t, () => 503)
  const [a] = await cluster(t, 1, { REDIS_URL: redis.url, ...settingsFor(receiver), DRAIN_DELAY_SECONDS: '0', DRAIN_SECONDS: '0', CLOSE_TIMEOUT_MS: '1000' })
  await a.ready()
  await subscribe(await connect(t, a.url, { token: token(), reconnection: false }), 'acme', 'board-1')
  await eventually(() => receiver.requests.length > 0)
  await redis.stop()
  t.equal((await within(10_000, 'exit', a.kill('SIGTERM'))).code, 0)
})
