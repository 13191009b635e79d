// Hostile input ends as a typed error or a closed connection, and disturbs nobody else.
import t, { test } from 'tap'
import type { Update } from '../../services/wire/protocol.ts'
import { call, connect, eventually, follow, openWebSocket, publish, rawRequest, rawSession, startInstance, subscribe, token } from '../helpers/index.ts'
import { EVENTS, settled, startUnharmed } from './unharmed.ts'

const { service } = await startUnharmed(t)

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
