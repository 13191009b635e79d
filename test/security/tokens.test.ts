// Tokens that no honest issuer signed, over HTTP and sockets: each is refused, with the same code, and none is ever logged.
import { createServer } from 'node:http'
import { once } from 'node:events'
import t, { test } from 'tap'
import { call, connect, freePort, HOST, nowInSeconds, openWebSocket, rawConnect, rawRequest, startInstance, TEST_SECRET } from '../helpers/index.ts'
import { attacks, goodClaims, hmacSigner, keyPairSigner, signed } from './vectors.ts'
import { ACCEPTED, both, httpVerdict, socketVerdict, verdicts } from './verdicts.ts'

const ISSUER = { JWT_ISSUER: 'https://issuer.example', JWT_AUDIENCE: 'roomcast', LOG_LEVEL: 'trace' }
const hmac = hmacSigner(TEST_SECRET)
const pairs = [keyPairSigner('RS256'), keyPairSigner('ES256'), keyPairSigner('EdDSA')]

const trapPort = await freePort()
let trapped = 0
const trapServer = createServer((_request, response) => {
  trapped++
  response.end('{}')
}).listen(trapPort, HOST)
await once(trapServer, 'listening')
t.teardown(() => { trapServer.close() })
const trap = `http://${HOST}:${trapPort}`

const [service, ...others] = await Promise.all([
  startInstance(t, ISSUER),
  ...pairs.map(({ known }) => startInstance(t, { ...ISSUER, JWT_SECRET: '', JWT_PUBLIC_KEY: known.replaceAll('\n', '\\n') }))
])
/** Every token that was sent to the first instance. */
const sent: string[] = []

for (const [i, signer] of [hmac, ...pairs].entries()) {
  const { url } = [service, ...others][i] ?? service
  test(`${signer.algorithm}: a good token is accepted`, async t => {
    t.strictSame(await verdicts(t, url, signed(signer)), ACCEPTED)
    t.strictSame(await verdicts(t, url, signed(signer, {}, { ...goodClaims(), aud: ['other', 'roomcast'] })), ACCEPTED)
  })

  test(`${signer.algorithm}: every vector of attack is refused with auth/invalid-token, without access to a file or the network`, async t => {
    for (const [name, bearer] of attacks(signer, trap)) {
      if (signer === hmac) sent.push(bearer)
      t.equal(await socketVerdict(t, url, bearer), 'auth/invalid-token', `${name}, socket`)
      // Trimmed by the client, an empty header is none.
      if (/^[\x21-\x7e]+$/.test(bearer)) t.equal(await httpVerdict(url, bearer), 'auth/invalid-token', `${name}, HTTP`)
    }
    t.equal(trapped, 0)
  })

  test(`${signer.algorithm}: a validly signed token that has expired is reported as expired, an altered one is not`, async t => {
    const over = signed(signer, {}, { ...goodClaims(), exp: nowInSeconds() - 1 })
    t.strictSame(await verdicts(t, url, over), both('auth/token-expired'))
    t.strictSame(await verdicts(t, url, `${over.slice(0, -8)}AAAAAAAA`), both('auth/invalid-token'))
  })
}

test('nbf and iat may be some seconds ahead; what is further ahead is refused for now, and a stock client comes in by itself', async t => {
  for (const claim of ['nbf', 'iat']) {
    const ahead = (seconds: number) => signed(hmac, {}, { ...goodClaims(), [claim]: nowInSeconds() + seconds })
    t.strictSame(await verdicts(t, service.url, ahead(3)), ACCEPTED, `${claim} 3 s ahead`)
    t.strictSame(await verdicts(t, service.url, ahead(60)), { http: 'auth/token-not-yet-valid', socket: 'closed' }, `${claim} 60 s ahead`)
    const { body, headers } = await call(service.url, 'GET', '/api/v1/workspaces/acme/apps/board-1/presence', { token: ahead(60) })
    t.equal(body.error?.retryable, true)
    t.ok(headers.get('retry-after'))
  }
  const soon = signed(hmac, {}, { ...goodClaims(), nbf: nowInSeconds() + 7 })
  t.equal(await httpVerdict(service.url, soon), 'auth/token-not-yet-valid')
  t.ok((await connect(t, service.url, { token: soon, reconnection: true, reconnectionDelay: 200, reconnectionDelayMax: 500 })).connected)
  t.equal(await httpVerdict(service.url, soon), 'accepted')
})

test('a token over 8 KB is refused before it is parsed', async t => {
  const large = signed(hmac, {}, { ...goodClaims(), padding: 'x'.repeat(7000) })
  const garbage = 'x'.repeat(9000)
  sent.push(large, garbage)
  for (const bearer of [large, garbage]) {
    t.strictSame(await verdicts(t, service.url, bearer), both('auth/invalid-token'))
    const { body } = await call(service.url, 'GET', '/api/v1/workspaces/acme/apps/board-1/presence', { token: bearer })
    t.match(body.error?.message, /more than 8192 bytes/)
  }
})

test('a token of up to 8 KB is not too large', async t => {
  t.strictSame(await verdicts(t, service.url, signed(hmac, {}, { ...goodClaims(), padding: 'x'.repeat(5500) })), ACCEPTED)
})

test('a token that is no text is refused', async t => {
  for (const given of [null, 1, true, [], {}, [signed(hmac)], { token: signed(hmac) }]) {
    t.equal(await socketVerdict(t, service.url, given), 'auth/invalid-token', JSON.stringify(given))
  }
})

test('a token in a URL is never accepted, over HTTP or sockets', async t => {
  const bearer = signed(hmac)
  sent.push(bearer)
  for (const name of ['token', 'access_token', 'auth', 'auth[token]', 'authorization', 'jwt']) {
    const query = `${encodeURIComponent(name)}=${bearer}`
    const { status, body } = await call(service.url, 'GET', `/api/v1/workspaces/acme/apps/board-1/presence?${query}`)
    t.equal(status, 401, name)
    t.equal(body.error?.code, 'auth/missing-token', name)

    const raw = await openWebSocket(t, service.url, {}, `&${query}`)
    raw.send('40')
    t.match(await raw.frame('4'), /^44.*"code":"auth\/missing-token"/, name)

    const polling = await fetch(`${service.url}/socket.io/?EIO=4&transport=polling&${query}`)
    const { sid } = JSON.parse((await polling.text()).slice(1)) as { sid: string }
    const url = `${service.url}/socket.io/?EIO=4&transport=polling&sid=${sid}&${query}`
    await (await fetch(url, { method: 'POST', body: '40', headers: { 'content-type': 'text/plain' } })).text()
    t.match(await (await fetch(url)).text(), /^44.*"code":"auth\/missing-token"/, name)
  }
})

test('no token is ever logged, also at LOG_LEVEL=trace and in requests that are not even HTTP', async t => {
  const bearer = signed(hmac)
  sent.push(bearer)
  await rawRequest(t, service.port, `GET /api/v1/${bearer} HTTP/1.1\r\nAuthorization: Bearer ${bearer}\r\nbroken header\r\n\r\n`)
  await rawRequest(t, service.port, `${bearer}\r\n\r\n`)
  await rawRequest(t, service.port, `GET /?token=${bearer} HTTP/1.1\r\nHost: x\r\nX-Large: ${'x'.repeat(20_000)}\r\n\r\n`)
  const aborted = await rawConnect(t, service.port)
  aborted.send(`POST /api/v1/publish?token=${bearer} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${bearer}\r\nContent-Length: 10\r\n\r\n{`)
  aborted.socket.destroy()
  await call(service.url, 'GET', `/nowhere/${bearer}?token=${bearer}`)
  // What was logged of these is out once a later request is answered.
  await call(service.url, 'GET', '/livez')
  const output = service.output()
  for (const text of sent) {
    for (const part of text.split('.').filter(part => part.length > 30)) t.notOk(output.includes(part), 'part of a token')
  }
  t.notMatch(output, /"data":\[\d+,/)
})
