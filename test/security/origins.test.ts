// Browsers: CORS_ORIGINS decides for HTTP, polling and WebSocket upgrades alike, before a session exists.
import t, { test } from 'tap'
import { call, connect, metric, openWebSocket, rawConnect, rawRequest, startInstance, token } from '../helpers/index.ts'

const FRIEND = 'https://app.example.com'
const service = await startInstance(t, { CORS_ORIGINS: `${FRIEND}, https://two.example.com` })
const own = service.url
const foreign = ['null', 'https://evil.example', 'http://app.example.com', 'https://app.example.com.evil.example', 'https://app.example.com:8443', 'https://evilapp.example.com', 'http://127.0.0.1', 'http://127.0.0.1:1', '*', 'file://', 'x', '']
const allowed = [FRIEND, 'https://two.example.com', own, undefined]
const POLLING = `${own}/socket.io/?EIO=4&transport=polling`

function origin (value: string | undefined): Record<string, string> {
  return value === undefined ? {} : { origin: value }
}

test('a configured origin, the same origin and none are served over HTTP, and may read the answer', async t => {
  for (const value of allowed) {
    const { status, headers } = await call(own, 'GET', '/api/v1/workspaces/acme/apps/board-1/presence', { token: token(), headers: origin(value) })
    t.equal(status, 200, String(value))
    t.equal(headers.get('access-control-allow-origin'), value ?? null)
    if (value !== undefined) t.match(headers.get('vary'), /origin/i)
  }
})

test('a foreign origin and `null` are refused over HTTP, on every route, before the token is looked at', async t => {
  for (const value of foreign.filter(value => value !== '')) {
    for (const path of ['/api/v1/workspaces/acme/apps/board-1/presence', '/api/v1/health/', '/api/v1/nowhere']) {
      const { status, headers, body } = await call(own, 'GET', path, { token: 'x', headers: origin(value) })
      t.equal(status, 403, `${value} ${path}`)
      t.equal(body.error?.code, 'auth/foreign-origin')
      t.equal(headers.get('access-control-allow-origin'), null)
    }
  }
})

test('a preflight is answered for those who are allowed, and only for them', async t => {
  const preflight = { 'access-control-request-method': 'PUT', 'access-control-request-headers': 'authorization,content-type,idempotency-key' }
  const good = await call(own, 'OPTIONS', '/api/v1/apps/', { headers: { ...preflight, ...origin(FRIEND) } })
  t.equal(good.status, 204)
  t.equal(good.headers.get('access-control-allow-origin'), FRIEND)
  t.match(good.headers.get('access-control-allow-methods'), /PUT/)
  t.match(good.headers.get('access-control-allow-headers'), /authorization/)
  t.equal((await call(own, 'OPTIONS', '/api/v1/apps/', { headers: origin(FRIEND) })).status, 204, 'also without the headers of one')
  const refused = await call(own, 'GET', '/api/v1/workspaces/acme/apps/board-1/history', { headers: origin(FRIEND) })
  t.equal(refused.headers.get('www-authenticate'), 'Bearer')
  t.equal(refused.headers.get('access-control-expose-headers'), 'Retry-After')
  for (const path of ['/api/v1/apps/', '/socket.io/?EIO=4&transport=polling']) {
    const bad = await call(own, 'OPTIONS', path, { headers: { ...preflight, ...origin('https://evil.example') } })
    t.equal(bad.headers.get('access-control-allow-origin'), null, path)
  }
})

test('polling from a foreign origin gets no session', async t => {
  for (const value of foreign.filter(value => value !== '')) {
    const answer = await fetch(POLLING, { headers: origin(value) })
    const text = await answer.text()
    t.equal(answer.status, 403, value)
    t.match(text, /"code":"auth\/foreign-origin"/)
    t.notMatch(text, /sid/)
    t.equal(answer.headers.get('retry-after'), null, 'it is final')
    t.equal(answer.headers.get('access-control-allow-origin'), null)
  }
  for (const value of allowed) {
    const answer = await fetch(POLLING, { headers: origin(value) })
    t.match(await answer.text(), /^0\{"sid"/, String(value))
    t.equal(answer.headers.get('access-control-allow-origin'), value ?? null)
  }
  t.equal(await metric(own, 'roomcast_sockets'), 0)
})

test('an empty Origin header is foreign', async t => {
  for (const path of ['/socket.io/?EIO=4&transport=polling', '/api/v1/health/']) {
    t.match(await rawRequest(t, service.port, `GET ${path} HTTP/1.1\r\nHost: 127.0.0.1:${service.port}\r\nOrigin: \r\nConnection: close\r\n\r\n`), /^HTTP\/1.1 403/, path)
  }
})

test('a WebSocket upgrade from a foreign origin is refused with 403 before a session exists', async t => {
  for (const value of foreign.filter(value => value !== '')) {
    await t.rejects(openWebSocket(t, own, { headers: origin(value) }), { message: /403/ }, value)
  }
  for (const value of allowed) {
    const raw = await openWebSocket(t, own, { headers: origin(value) })
    t.match(raw.frames[0], /^0\{"sid"/)
  }
})

test('a session of polling cannot be taken over by a page of a foreign origin', async t => {
  const { sid } = JSON.parse((await (await fetch(POLLING)).text()).slice(1)) as { sid: string }
  for (const request of [{}, { method: 'POST', body: '40' }]) {
    const answer = await fetch(`${POLLING}&sid=${sid}`, { ...request, headers: origin('https://evil.example') })
    await answer.text()
    t.equal(answer.status, 403)
  }
  await t.rejects(openWebSocket(t, own, { headers: origin('https://evil.example') }, `&sid=${sid}`), { message: /403/ })
})

test('a script tag, which sends no Origin, gets no session', async t => {
  const answer = await fetch(`${POLLING}&j=0`)
  t.equal(answer.status, 400)
  t.match(await answer.text(), /"code":"request\/invalid"/)
})

test('a stock client with an allowed origin connects over both transports', async t => {
  for (const transport of ['polling', 'websocket']) {
    const socket = await connect(t, own, { token: token(), transports: [transport], extraHeaders: { origin: FRIEND } })
    t.ok(socket.connected)
  }
})

test('an upgrade elsewhere than at Socket.IO is none', async t => {
  const raw = await rawConnect(t, service.port)
  raw.send('GET /api/v1/health/ HTTP/1.1\r\nHost: x\r\nConnection: Upgrade, close\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n')
  await raw.closed()
  t.match(raw.received(), /^HTTP\/1\.1 200 /)
})

test('answers carry security headers', async t => {
  for (const [path, bearer] of [['/api/v1/health/', undefined], ['/api/v1/workspaces/acme/apps/board-1/presence', token()], ['/api/v1/nowhere', undefined], ['/livez', undefined]] as const) {
    const { headers } = await call(own, 'GET', path, bearer === undefined ? {} : { token: bearer })
    t.equal(headers.get('x-content-type-options'), 'nosniff', path)
    t.match(headers.get('content-security-policy'), /default-src 'none'/, path)
    t.match(headers.get('content-security-policy'), /frame-ancestors 'none'/, path)
    t.ok(headers.get('strict-transport-security'), path)
    t.equal(headers.get('referrer-policy'), 'no-referrer', path)
    t.equal(headers.get('x-powered-by'), null, path)
  }
})
