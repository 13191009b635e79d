// Whatever can be sent is sent: it ends as a typed error or a closed connection, and nobody else notices.
import fc from 'fast-check'
import t, { test } from 'tap'
import type { Update } from '../../services/wire/protocol.ts'
import {
  call, connect, eventually, follow, openWebSocket, publish, rawRequest, rawSession, startInstance, startRedis, subscribe, token, type RawWebSocket
} from '../helpers/index.ts'

const redis = await startRedis(t)
const service = await startInstance(t, { REDIS_URL: redis.url, EVENTS_PER_SECOND: '100000', EVENT_BURST: '100000', CONNECTIONS_PER_SECOND: '10000' })
await service.ready()
const neighbour = await follow(await connect(t, service.url, { token: token({ sub: 'neighbour' }) }), 'acme', 'neighbours')

/** The process lives, and a neighbour gets the next update, once and in order. */
async function assertUnharmed (): Promise<void> {
  const { body, status } = await publish(service.url, { workspaceId: 'acme', appId: 'neighbours', event: 'N', payload: 1 })
  if (status !== 200 || body.data.offset === null) throw new Error(`publish answered ${status}`)
  await neighbour.until(body.data.offset)
}

t.afterEach(async () => {
  await assertUnharmed()
  if (/"level":(50|60)/.test(service.output())) throw new Error(`an error was logged:\n${service.output()}`)
})

/** Resolves when the server has dealt with everything before: it has answered a request, or has closed. */
async function settled (raw: RawWebSocket): Promise<'answered' | 'closed'> {
  if (!raw.isClosed()) raw.send('42999["application",{"event":"UNSUBSCRIBE","payload":{"workspaceId":"acme","appId":"x"}}]')
  await eventually(() => raw.isClosed() || raw.frames.some(frame => frame.startsWith('43999')), 10_000)
  return raw.isClosed() ? 'closed' : 'answered'
}

const EVENTS = ['application', 'publish', 'presence', 'authenticate', 'error', 'unknown', '__proto__', 'constructor', 'message', 'data', 'close']
const WRONG: unknown[] = [
  null, true, 0, -1, 1e308, '', 'SUBSCRIBE', [], {}, [[]], [null], { event: null }, { event: 'SUBSCRIBE' }, { event: 'SUBSCRIBE', payload: null },
  { event: 'SUBSCRIBE', payload: [] }, { event: ['SUBSCRIBE'], payload: {} }, { event: 'UNSUBSCRIBE', payload: 'acme/x' }, { event: '__proto__', payload: {} },
  { event: 'PUBLISH', payload: { workspaceId: 'acme', appId: 'x', event: 'N', payload: 1 } }, { event: 'constructor', payload: {} }, { payload: { workspaceId: 'acme', appId: 'x' } },
  { event: 'SUBSCRIBE', payload: { workspaceId: 'acme', appId: 'x', since: 1 } }, { event: 'SUBSCRIBE', payload: { workspaceId: 'acme', appId: 'x', since: { epoch: 'e', offset: -1 } } },
  { event: 'SUBSCRIBE', payload: { workspaceId: 'acme', appId: 'x', since: { epoch: {}, offset: '1' } } }, { event: 'SUBSCRIBE', payload: { workspaceId: 'acme', appId: 'x', token: {} } },
  { token: null }, { token: [] }, { token: { length: 3 } }, { workspaceId: 'acme', appId: 'x', event: 'a b', payload: 1 },
  { workspaceId: 'acme', appId: 'x', event: 'N' }, { workspaceId: 'acme', appId: 'x', event: 'N', payload: 1, id: '' }, { workspaceId: 'acme', appId: 'x', event: 'N', payload: 1, ephemeral: 'yes' }
]

test('every handler answers null, arrays and wrong types with request/invalid, with and without an acknowledgement', async t => {
  const raw = await rawSession(t, service.url, token())
  let id = 0
  let unanswered = 0
  for (const event of EVENTS) {
    for (const data of WRONG) {
      // A presence request may hold more than it needs.
      if (event === 'presence' && isRoom(data)) continue
      unanswered++
      raw.send(`42${++id}${JSON.stringify([event, data])}`)
      raw.send(`42${JSON.stringify([event, data])}`)
    }
    raw.send(`42${++id}${JSON.stringify([event])}`)
    raw.send(`42${JSON.stringify([event])}`)
    raw.send(`42${++id}${JSON.stringify([event, ...WRONG])}`)
    unanswered++
  }
  const answers = await eventually(() => {
    const found = raw.frames.filter(frame => /^43\d+\[/.test(frame))
    return found.length === id && found
  }, 10_000)
  for (const answer of answers) t.match(answer, /"status":"ERROR".*"code":"(request|auth)\/[a-z-]+"/)
  const always = WRONG.length + 2
  await eventually(() => raw.frames.filter(frame => frame.startsWith('42["application_response"')).length === unanswered + always)
  t.equal(await settled(raw), 'answered')
})

test('reserved event names close the connection of who sends them', async t => {
  for (const name of ['connect', 'connect_error', 'disconnect', 'disconnecting', 'newListener', 'removeListener']) {
    const raw = await rawSession(t, service.url, token())
    raw.send(`42${JSON.stringify([name, 'x'])}`)
    t.equal(await settled(raw), 'closed', name)
  }
})

test('an event named `error` is answered like any unknown one', async t => {
  const raw = await rawSession(t, service.url, token())
  for (const args of [[], [null], [1], [{ message: 'x' }]]) raw.send(`427${JSON.stringify(['error', ...args])}`)
  t.equal(await settled(raw), 'answered')
  t.equal(raw.frames.filter(frame => /^437\[.*request\/invalid/.test(frame)).length, 4)
})

test('malformed frames of Engine.IO and Socket.IO, and binary attachments, close the connection or are ignored', async t => {
  const closing = ['4', '42{}', '42[', '42[{}]', '42[null]', '4x', '49', '44', '44{}', '48["x"]', '42/other,["x"]', '40', `40${JSON.stringify({ token: token() })}`,
    '451-["publish",{"_placeholder":true,"num":0}]', '4599999999-["x"]', '461-1[{"_placeholder":true,"num":0}]', '431[]', '439999999999999999999["x"]', '430[null]', '2', 'x', '\u0000', Buffer.from('42["x"]'), Buffer.alloc(3)]
  for (const frame of closing) {
    const raw = await rawSession(t, service.url, token())
    raw.send(frame)
    t.equal(await settled(raw), 'closed', String(frame))
  }
  for (const frame of ['3', '3probe', '6', '5', '42', '0{}']) {
    const raw = await rawSession(t, service.url, token())
    raw.send(frame)
    t.equal(await settled(raw), 'answered', frame)
  }
})

test('before it is authenticated, a connection can do nothing but authenticate, once', async t => {
  for (const frame of ['42["application",{}]', '431[]', '41', '40/other,', '40{"token":"x"}', '40null', '40[]', '401{}']) {
    const raw = await openWebSocket(t, service.url)
    raw.send(frame)
    raw.send(`40${JSON.stringify({ token: token() })}`)
    await raw.closed()
    t.notOk(raw.frames.some(frame => frame.startsWith('40')), frame)
  }
})

test('many sessions behind one transport are one at most', async t => {
  const raw = await openWebSocket(t, service.url)
  for (let i = 0; i < 100; i++) raw.send(`40${JSON.stringify({ token: token({ sub: 'many' }) })}`)
  await raw.closed()
  t.ok(raw.frames.filter(frame => frame.startsWith('40')).length <= 1)
})

test('deep nesting is refused, and does not exhaust the stack', async t => {
  const raw = await rawSession(t, service.url, token())
  const deep = (levels: number, open = '[', close = ']') => open.repeat(levels) + close.repeat(levels)
  for (const nested of [deep(200_000), deep(70_000, '{"a":', '}').replace('{"a":}', '{"a":1}')]) {
    const { body } = await call(service.url, 'POST', '/api/v1/publish', { token: token(), body: `{"workspaceId":"acme","appId":"x","event":"N","payload":${nested}}` })
    t.ok(['request/invalid', 'publish/payload-too-large'].includes(String(body.error?.code)))
    raw.send(`421["publish",{"workspaceId":"acme","appId":"x","event":"N","payload":${nested}}]`)
    raw.send(`422["application",${nested}]`)
  }
  t.equal(await settled(raw), 'answered')
  t.match(raw.frames.filter(frame => frame.startsWith('431')).join(), /nested deeper/)
})

test('prototype keys are refused over HTTP, and are plain data over a socket', async t => {
  for (const body of ['{"workspaceId":"acme","appId":"p","event":"N","payload":{"__proto__":{"polluted":1}}}', '{"__proto__":{"workspaceId":"acme"},"appId":"p","event":"N","payload":1}', '{"workspaceId":"acme","appId":"p","event":"N","payload":{"constructor":{"prototype":{"polluted":1}}}}']) {
    const answer = await call(service.url, 'POST', '/api/v1/publish', { token: token(), body })
    t.equal(answer.status, 400, body)
    t.equal(answer.body.error?.code, 'request/invalid')
  }
  const socket = await connect(t, service.url, { token: token() })
  await subscribe(socket, 'acme', 'proto')
  const heard = new Promise<Update>(resolve => socket.once('workspace_acme_app_proto', resolve))
  const raw = await rawSession(t, service.url, token())
  raw.send('421["publish",{"workspaceId":"acme","appId":"proto","event":"N","payload":{"__proto__":{"polluted":1}}}]')
  raw.send('422["publish",{"__proto__":{"workspaceId":"acme","appId":"proto","event":"N","payload":1}}]')
  const { payload } = await heard
  t.strictSame(Object.keys(payload as object), ['__proto__'])
  t.match(await raw.frame('432'), /request\/invalid/)
  t.notOk((await call(service.url, 'GET', '/readyz')).text.includes('polluted'))
})

test('HTTP that is none, and routes with broken requests, are answered with a typed error', async t => {
  for (const text of ['GET / HTTP/9.9\r\n\r\n', 'x\r\n\r\n', 'GET /\u0001 HTTP/1.1\r\n\r\n', 'POST /api/v1/publish HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n', `GET / HTTP/1.1\r\nHost: x\r\nX: ${'x'.repeat(20_000)}\r\n\r\n`]) {
    t.match(await rawRequest(t, service.port, text), /^HTTP\/1.1 400 [^]*"code":"request\/invalid"/, text.slice(0, 30))
  }
  for (const [body, headers] of [['', {}], ['{', {}], ['null', {}], ['[]', {}], ['"x"', {}], ['x=1', { 'content-type': 'application/x-www-form-urlencoded' }], ['<x/>', { 'content-type': 'text/xml' }], ['{}', { 'content-type': 'application/json; charset=x' }]] as const) {
    for (const path of ['publish', 'publish/batch', 'publish/many', 'sessions/disconnect', 'sessions/unsubscribe', 'tokens/revoke']) {
      const answer = await call(service.url, 'POST', `/api/v1/${path}`, { token: token(), body, headers })
      t.equal(answer.body.error?.code, 'request/invalid', `${path} ${body}`)
    }
  }
  for (const path of ['/api/v1/%', '/%zz', '/api/v1/workspaces/%00/apps/x/history', '/api/v1/workspaces/a/apps/b/history?limit=-1', '/api/v1/workspaces/a/apps/b/history?offset[]=1&epoch=x', '/api/v1/workspaces/a/apps/b/history?offset=1&offset=2&epoch=x', '/api/v1/workspaces/a/apps/b/history?__proto__=1&limit=NaN']) {
    const answer = await call(service.url, 'GET', path, { token: token() })
    t.ok([400, 404].includes(answer.status), `${path} ${answer.status}`)
    t.match(answer.body.error?.code, /^request\//)
  }
})

test('property: no event with any JSON harms the service, at the socket door', async t => {
  await fc.assert(fc.asyncProperty(fc.array(fc.tuple(fc.constantFrom(...EVENTS), fc.array(fc.oneof(fc.jsonValue(), shapes()), { maxLength: 3 }), fc.boolean()), { minLength: 1, maxLength: 20 }), async events => {
    const raw = await rawSession(t, service.url, token())
    for (const [event, args, wantsAnswer] of events) raw.send(`42${wantsAnswer ? 1 : ''}${JSON.stringify([event, ...args])}`)
    const end = await settled(raw)
    raw.socket.terminate()
    return end === 'answered'
  }), { numRuns: 60 })
})

test('property: no frame of any text harms the service', async t => {
  const start = fc.constantFrom('', '4', '40', '41', '42', '43', '44', '45', '46', '421', '42[', '42/a,', '0', '1', '2', '3', '5', '6', 'b')
  await fc.assert(fc.asyncProperty(fc.array(fc.tuple(start, fc.string({ unit: 'binary' })), { minLength: 1, maxLength: 5 }), async frames => {
    const raw = await rawSession(t, service.url, token())
    for (const [head, rest] of frames) raw.send(head + rest)
    await settled(raw)
    raw.socket.terminate()
    return service.process.exitCode === null
    // Once found: the session ends, and what comes with it in one packet finds none.
  }), { numRuns: 60, examples: [[[['41', ''], ['5', '']]]] })
})

test('property: no body of any JSON gets another answer than a typed one, at the HTTP door', async t => {
  const route = fc.constantFrom('POST publish', 'POST publish/batch', 'POST publish/many', 'PUT apps/', 'POST sessions/disconnect', 'POST sessions/unsubscribe', 'POST tokens/revoke')
  await fc.assert(fc.asyncProperty(route, fc.oneof(fc.jsonValue(), shapes()), async (route, body) => {
    const [method = '', path = ''] = route.split(' ')
    const { status, body: answer } = await call(service.url, method, `/api/v1/${path}`, { token: token({ capabilities: {} }), body: JSON.stringify(body) })
    // A batch answers for each of its updates.
    return (['publish/batch', 'publish/many'].includes(path) && status === 200) || ([400, 403].includes(status) && answer.status === 'ERROR' && /^(request|auth)\//.test(String(answer.error?.code)))
  }), { numRuns: 150 })
})

test('property: garbage on the channel of a room is dropped and counted, and disturbs nobody', async t => {
  const client = redis.client()
  const channels = ['roomcast:{acme/neighbours}:updates', 'roomcast:{$/commands}:updates']
  const { epoch } = neighbour.position()
  const envelope = fc.record({
    v: fc.oneof(fc.constant(1), fc.constant(2), fc.jsonValue()),
    kind: fc.oneof(fc.constantFrom('update', 'ephemeral', 'presence'), fc.jsonValue()),
    epoch: fc.oneof(fc.constant(epoch), fc.jsonValue()),
    offset: fc.oneof(fc.constantFrom(0, -1, 0.5, 1e300), fc.jsonValue()),
    publishedAt: fc.jsonValue(),
    id: fc.jsonValue(),
    event: fc.jsonValue(),
    payload: fc.jsonValue(),
    userId: fc.jsonValue(),
    joined: fc.jsonValue(),
    left: fc.jsonValue()
  }, { requiredKeys: [] })
  await fc.assert(fc.asyncProperty(fc.constantFrom(...channels), fc.oneof(fc.string(), fc.json(), envelope.map(value => JSON.stringify(value))), async (channel, text) => {
    await client.publish(channel, text)
    return service.process.exitCode === null
  }), { numRuns: 300 })
  const deep = `${'['.repeat(100_000)}${']'.repeat(100_000)}`
  const next = neighbour.position().offset + 1
  await client.publish(channels[0] ?? '', `{"v":1,"kind":"update","epoch":"${epoch}","offset":${next},"publishedAt":1,"id":"x","event":"N","payload":${deep},"userId":"x"}`)
  await assertUnharmed()
  const metrics = await (await fetch(`${service.url}/metrics`)).text()
  t.match(metrics, /roomcast_messages_dropped_total\{reason="garbage"\} [1-9]/)
  t.strictSame(neighbour.faults, [])
})

test('20,000 events in a burst: who sends them is answered or closed, a neighbour gets its updates', async t => {
  const strict = await startInstance(t)
  const socket = await connect(t, strict.url, { token: token({ sub: 'neighbour' }) })
  const follower = await follow(socket, 'acme', 'board-1')
  const raw = await rawSession(t, strict.url, token({ sub: 'flood' }))
  for (let i = 0; i < 20_000; i++) raw.send(`42${i}["${i % 2 === 0 ? 'presence' : 'nothing'}",{"workspaceId":"acme","appId":"board-1"}]`)
  for (let i = 1; i <= 20; i++) {
    t.equal((await publish(strict.url, { workspaceId: 'acme', appId: 'board-1', event: 'N', payload: i })).status, 200)
  }
  await follower.until(20)
  await raw.closed()
  t.match(raw.frames.join('\n'), /42\["closing",\{"code":"limit\/event-rate"/)
  t.ok(socket.connected)
})

function isRoom (data: unknown): boolean {
  return typeof data === 'object' && data !== null && 'workspaceId' in data
}

/** Nearly right requests: what random JSON hardly ever hits. */
function shapes (): fc.Arbitrary<unknown> {
  const id = fc.oneof(fc.constantFrom('acme', 'x', '*', '__proto__', '', 'a/b'), fc.jsonValue())
  const room = { workspaceId: id, appId: id }
  const payload = fc.record({ ...room, token: fc.jsonValue(), since: fc.oneof(fc.record({ epoch: fc.string(), offset: fc.nat() }), fc.jsonValue()) }, { requiredKeys: [] })
  return fc.oneof(
    fc.record({ event: fc.oneof(fc.constantFrom('SUBSCRIBE', 'UNSUBSCRIBE'), fc.jsonValue()), payload: fc.oneof(payload, fc.jsonValue()) }, { requiredKeys: [] }),
    fc.record({ ...room, event: fc.string(), payload: fc.jsonValue(), id: fc.jsonValue(), ephemeral: fc.jsonValue(), userId: fc.jsonValue() }, { requiredKeys: [] }),
    fc.record({ ...room, userId: fc.jsonValue(), jti: fc.jsonValue(), issuedBefore: fc.jsonValue(), displayName: fc.jsonValue(), updates: fc.array(fc.jsonValue()) }, { requiredKeys: [] }),
    fc.record({ token: fc.jsonValue() })
  )
}
