// Traces: the publisher's trace goes on through the publish to every instance that relays, and no further.
import { createServer } from 'node:http'
import { once } from 'node:events'
import { test } from 'tap'
import { call, cluster, connect, eventually, nextEvent, noEvent, publish, roomEvent, startRedis, subscribe, token } from './helpers/index.ts'

interface Span { name: string, traceId: string, spanId: string, parentSpanId?: string, attributes: Array<{ key: string, value: object }> }
interface Export { resourceSpans: Array<{ scopeSpans: Array<{ spans: Span[] }> }> }

const TRACE_ID = '0af7651916cd43dd8448eb211c80319c'

test('one span for the publish, one for each instance that relays, none per member', async t => {
  const spans: Span[] = []
  const collector = createServer((request, response) => {
    const chunks: Buffer[] = []
    request.on('data', (chunk: Buffer) => chunks.push(chunk)).on('end', () => {
      const { resourceSpans } = JSON.parse(Buffer.concat(chunks).toString()) as Export
      spans.push(...resourceSpans.flatMap(({ scopeSpans }) => scopeSpans.flatMap(scope => scope.spans)))
      response.setHeader('Content-Type', 'application/json').end('{}')
    })
  }).listen(0, '127.0.0.1')
  await once(collector, 'listening')
  t.teardown(() => { collector.close() })
  const { port } = collector.address() as { port: number }

  const redis = await startRedis(t)
  const [a, b] = await cluster(t, 2, {
    REDIS_URL: redis.url,
    OTEL_EXPORTER_OTLP_ENDPOINT: `http://127.0.0.1:${port}`,
    OTEL_EXPORTER_OTLP_PROTOCOL: 'http/json',
    OTEL_BSP_SCHEDULE_DELAY: '50'
  })
  await Promise.all([a.ready(), b.ready()])
  const sockets = await Promise.all([a, a, b, b].map((instance, i) => connect(t, instance.url, { token: token({ sub: `user-${i}` }) })))
  for (const socket of sockets) await subscribe(socket, 'acme', 'board-1')
  const heard = sockets.map(socket => nextEvent<object>(socket, roomEvent('acme', 'board-1')))
  const answer = await call(a.url, 'POST', '/api/v1/publish', {
    token: token({ sub: 'svc' }),
    headers: { traceparent: `00-${TRACE_ID}-b7ad6b7169203331-01` },
    body: { workspaceId: 'acme', appId: 'board-1', event: 'E', payload: 'secret payload' }
  })
  t.equal(answer.status, 200)
  for (const update of await Promise.all(heard)) t.notOk('trace' in update, 'members do not see it')

  const ours = await eventually(() => {
    const found = spans.filter(({ name, traceId }) => name.startsWith('roomcast') && traceId === TRACE_ID)
    return found.length >= 3 && spans.some(({ name, traceId }) => traceId === TRACE_ID && /evalsha/i.test(name)) && found
  })
  const [published] = ours.filter(({ name }) => name === 'roomcast publish')
  const relayed = ours.filter(({ name }) => name === 'roomcast relay')
  t.equal(ours.length, 3)
  t.equal(relayed.length, 2)
  for (const { parentSpanId } of relayed) t.equal(parentSpanId, published?.spanId)
  t.notMatch(JSON.stringify(spans), /secret payload/)
})

test('tracing is off unless it is configured: nothing travels with an update', async t => {
  const redis = await startRedis(t)
  const [a] = await cluster(t, 1, { REDIS_URL: redis.url })
  await a.ready()
  const listener = redis.client()
  await listener.subscribe('roomcast:{acme/board-1}:updates')
  const message = once(listener, 'message')
  const socket = await connect(t, a.url, { token: token() })
  await subscribe(socket, 'acme', 'other')
  await noEvent(socket, roomEvent('acme', 'board-1'), async () => {
    await publish(a.url, { workspaceId: 'acme', appId: 'board-1', event: 'E', payload: 1 })
    const [, text] = await message as [string, string]
    t.notOk('trace' in JSON.parse(text))
    await subscribe(socket, 'acme', 'barrier')
  })
})
