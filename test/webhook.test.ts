// Rooms that come and go: the webhook hears of the first member over all instances, and of the last.
import { createHmac } from 'node:crypto'
import { once } from 'node:events'
import { createServer, type IncomingHttpHeaders } from 'node:http'
import { test, type Test } from 'tap'
import { cluster, connect, eventually, startRedis, subscribe, token } from './helpers/index.ts'
import type { WebhookEvent } from '../services/hooks/webhook.ts'

const SECRET = 'a-secret-of-the-webhook'

interface Received { headers: IncomingHttpHeaders, text: string, events: WebhookEvent[] }

/** A team's backend; answers with the statuses in turn, then 200. */
async function startReceiver (t: Test, statuses: number[] = []) {
  const requests: Received[] = []
  const server = createServer((request, response) => {
    const chunks: Buffer[] = []
    request.on('data', (chunk: Buffer) => chunks.push(chunk)).on('end', () => {
      const text = Buffer.concat(chunks).toString()
      requests.push({ headers: request.headers, text, events: (JSON.parse(text) as { events: WebhookEvent[] }).events })
      response.writeHead(statuses.shift() ?? 200).end()
    })
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => { server.close() })
  const { port } = server.address() as { port: number }
  return {
    requests,
    env: { WEBHOOK_URL: `http://127.0.0.1:${port}/hook`, WEBHOOK_SECRET: SECRET, WEBHOOK_BATCH_MS: '50', ROOM_LINGER_MS: '200' },
    events: (appId: string) => requests.flatMap(({ events }) => events).filter(event => event.appId === appId).map(({ event }) => event)
  }
}

test('one event for the first member over all instances and one for the last, signed', async t => {
  const redis = await startRedis(t)
  const receiver = await startReceiver(t)
  const [a, b] = await cluster(t, 2, { REDIS_URL: redis.url, ...receiver.env })
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

test('what is not taken is repeated with the same ids', async t => {
  const receiver = await startReceiver(t, [500, 503])
  const [a] = await cluster(t, 1, { ...receiver.env, WEBHOOK_RETRY_MAX_MS: '100' })
  await a.ready()
  const ann = await connect(t, a.url, { token: token() })
  await subscribe(ann, 'acme', 'board-1')
  const [first, second, third] = await eventually(() => receiver.requests.length >= 3 && receiver.requests)
  t.same([second?.events[0]?.id, third?.events[0]?.id], [first?.events[0]?.id, first?.events[0]?.id])
  t.equal(third?.headers['webhook-id'], first?.headers['webhook-id'])
  t.equal(receiver.requests.length, 3)
})

test('what is repeated is the same batch, though more has happened since', async t => {
  const receiver = await startReceiver(t, [500, 500])
  const [a] = await cluster(t, 1, { ...receiver.env, WEBHOOK_RETRY_MAX_MS: '500' })
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
  const [a, b, c] = await cluster(t, 3, { REDIS_URL: redis.url, ...receiver.env, HEARTBEAT_MS: '200', LEASE_MS: '1000' })
  await Promise.all([a.ready(), b.ready(), c.ready()])
  const ann = await connect(t, a.url, { token: token() })
  await subscribe(ann, 'acme', 'board-1')
  await eventually(() => receiver.events('board-1').length === 1)
  await a.kill()
  await eventually(() => receiver.events('board-1').length === 2, 10_000)
  t.strictSame(receiver.events('board-1'), ['room.occupied', 'room.vacated'])
  t.equal(await redis.client().exists('roomcast:{$/occupancy}:counts'), 0)
})
