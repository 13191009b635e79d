// An issuer's key set (JWT_JWKS_URL): rotation without a restart, and an issuer that is trusted with nothing but its keys.
import type { ServerResponse } from 'node:http'
import { test, type Test } from 'tap'
import { connect, eventually, startInstance, type Instance } from '../helpers/index.ts'
import { startIssuer } from './issuer.ts'
import { hmacSigner, keyPairSigner, signed } from './vectors.ts'
import { ACCEPTED, both, httpVerdict, verdicts } from './verdicts.ts'

const [first, second, third] = [keyPairSigner('RS256'), keyPairSigner('ES256'), keyPairSigner('EdDSA')]

/** For good, right after the issuer was asked; for now, while it may not be asked again. */
const REFUSED = ['auth/invalid-token', 'auth/keys-unavailable']

function withIssuer (t: Test, url: string, env: Record<string, string> = {}): Promise<Instance> {
  return startInstance(t, { JWT_SECRET: '', JWT_JWKS_URL: url, JWKS_REFETCH_SECONDS: '600', ...env })
}

test('JWKS: all three kinds of keys, found by kid, each with its own algorithm only', async t => {
  const issuer = await startIssuer(t)
  issuer.publish({ one: first, two: second, three: third })
  const { url } = await withIssuer(t, issuer.url)
  for (const [kid, signer] of [['one', first], ['two', second], ['three', third]] as const) t.strictSame(await verdicts(t, url, signed(signer, { kid })), ACCEPTED, kid)
  t.strictSame(await verdicts(t, url, signed(first, { kid: 'two' })), both('auth/invalid-token'))
  t.strictSame(await verdicts(t, url, signed(second, { kid: 'one', alg: 'RS256' })), both('auth/invalid-token'))
  t.strictSame(await verdicts(t, url, signed(hmacSigner(first.known), { kid: 'one' })), both('auth/invalid-token'))
  t.equal(issuer.requests(), 1, 'fetched once')
})

test('JWKS: rotation without a restart, by an unknown kid and by the cache running out', async t => {
  const issuer = await startIssuer(t)
  issuer.publish({ one: first })
  const { url } = await withIssuer(t, issuer.url, { JWKS_REFETCH_SECONDS: '1', JWKS_CACHE_SECONDS: '2' })
  t.strictSame(await verdicts(t, url, signed(first, { kid: 'one' })), ACCEPTED)
  issuer.publish({ two: second })
  await eventually(async () => await httpVerdict(url, signed(second, { kid: 'two' })) === 'accepted', 10_000)
  t.strictSame(await verdicts(t, url, signed(second, { kid: 'two' })), ACCEPTED)
  await eventually(async () => await httpVerdict(url, signed(first, { kid: 'one' })) === 'auth/invalid-token', 10_000)
})

test('JWKS: a flood of unknown kids causes at most one fetch in JWKS_REFETCH_SECONDS, also while the issuer is down', async t => {
  const issuer = await startIssuer(t)
  issuer.publish({ one: first })
  const { url } = await withIssuer(t, issuer.url, { JWKS_REFETCH_SECONDS: '1' })
  t.equal(await httpVerdict(url, signed(first, { kid: 'one' })), 'accepted')
  for (const down of [false, true]) {
    if (down) issuer.answer(response => response.writeHead(500).end())
    const before = issuer.requests()
    const startedAt = Date.now()
    let n = 0
    while (Date.now() - startedAt < 2500) {
      const flood = Array.from({ length: 20 }, () => httpVerdict(url, signed(third, { kid: `made-up-${n++}` })))
      for (const verdict of await Promise.all(flood)) if (!REFUSED.includes(verdict)) t.fail(verdict)
    }
    const fetches = issuer.requests() - before
    t.ok(fetches <= Math.ceil((Date.now() - startedAt) / 1000) + 1, `${fetches} fetches for ${n} tokens`)
    t.ok(n > 100)
    t.equal(await httpVerdict(url, signed(first, { kid: 'one' })), 'accepted', 'old keys serve')
  }
})

test('JWKS: while the issuer is down, slow, too large or wrong, old keys serve', async t => {
  const issuer = await startIssuer(t)
  issuer.publish({ one: first })
  const { url } = await withIssuer(t, issuer.url, { JWKS_CACHE_SECONDS: '1', JWKS_TIMEOUT_MS: '500', JWKS_MAX_BYTES: '5000' })
  t.equal(await httpVerdict(url, signed(first, { kid: 'one' })), 'accepted')
  const faults: Array<(response: ServerResponse) => void> = [
    response => response.destroy(),
    response => response.writeHead(200).write('{'),
    response => response.end(JSON.stringify({ keys: [], padding: 'x'.repeat(10_000) })),
    response => response.end('no JSON'),
    response => response.end('{"keys":1}'),
    response => response.writeHead(404).end()
  ]
  for (const fault of faults) {
    issuer.answer(fault)
    const before = issuer.requests()
    await eventually(() => issuer.requests() >= before + 2, 10_000)
    t.equal(await httpVerdict(url, signed(first, { kid: 'one' })), 'accepted', String(fault))
  }
})

test('JWKS: a redirect is not followed', async t => {
  const issuer = await startIssuer(t)
  const elsewhere = await startIssuer(t)
  elsewhere.publish({ one: first })
  const statuses = [301, 302, 303, 307, 308]
  issuer.answer(response => response.writeHead(statuses[issuer.requests() % statuses.length] ?? 302, { location: elsewhere.url }).end())
  const { url } = await withIssuer(t, issuer.url)
  await eventually(async () => {
    t.strictSame(await verdicts(t, url, signed(first, { kid: 'one' })), { http: 'auth/keys-unavailable', socket: 'closed' })
    return issuer.requests() >= statuses.length
  }, 20_000)
  t.equal(elsewhere.requests(), 0)
})

test('JWKS: with no keys at all a token is refused for now, retryably, and good as soon as they are there', async t => {
  const issuer = await startIssuer(t)
  issuer.publish({ one: first })
  issuer.answer(response => response.writeHead(503).end())
  const { url } = await withIssuer(t, issuer.url)
  const before = issuer.requests()
  const answers = await Promise.all(Array.from({ length: 50 }, () => fetch(`${url}/api/v1/workspaces/acme/apps/board-1/presence`, { headers: { authorization: `Bearer ${signed(first, { kid: 'one' })}` } })))
  for (const answer of answers) {
    t.equal(answer.status, 503)
    t.ok(answer.headers.get('retry-after'))
    t.match(await answer.json(), { error: { code: 'auth/keys-unavailable', retryable: true } })
  }
  t.ok(issuer.requests() - before <= 3, 'the issuer is not flooded')
  issuer.answer(undefined)
  await eventually(async () => await httpVerdict(url, signed(first, { kid: 'one' })) === 'accepted', 10_000)
  t.strictSame(await verdicts(t, url, signed(first, { kid: 'one' })), ACCEPTED)
})

test('JWKS: an issuer that rotates its key right after a fetch: the new token is refused for now, and good after the cool-down', async t => {
  const issuer = await startIssuer(t)
  issuer.publish({ one: first })
  const { url } = await withIssuer(t, issuer.url, { JWKS_REFETCH_SECONDS: '2' })
  await eventually(async () => await httpVerdict(url, signed(first, { kid: 'one' })) === 'accepted')
  // Asked for a key that is not there, the issuer is not asked again for a while.
  await eventually(async () => await httpVerdict(url, signed(third, { kid: 'made-up' })) === 'auth/invalid-token')
  issuer.publish({ one: first, two: second })
  const fresh = signed(second, { kid: 'two' })
  const answer = await fetch(`${url}/api/v1/workspaces/acme/apps/board-1/presence`, { headers: { authorization: `Bearer ${fresh}` } })
  t.equal(answer.status, 503)
  t.ok(answer.headers.get('retry-after'))
  t.match(await answer.json(), { error: { code: 'auth/keys-unavailable', retryable: true } })
  const socket = await connect(t, url, { token: fresh, reconnection: true, reconnectionDelay: 100 })
  t.ok(socket.connected, 'a stock client comes in by itself')
  t.strictSame(await verdicts(t, url, fresh), ACCEPTED)
})

test('JWKS: a key that the issuer takes out is not trusted longer than JWKS_CACHE_SECONDS, however often its tokens were verified', async t => {
  const issuer = await startIssuer(t)
  issuer.publish({ one: first, two: second })
  const { url } = await withIssuer(t, issuer.url, { JWKS_CACHE_SECONDS: '2' })
  const [old, kept] = [signed(first, { kid: 'one' }), signed(second, { kid: 'two' })]
  await eventually(async () => await httpVerdict(url, old) === 'accepted')
  issuer.publish({ two: second })
  const takenOutAt = performance.now()
  await eventually(async () => await httpVerdict(url, old) !== 'accepted', 10_000)
  t.ok(performance.now() - takenOutAt < 4000)
  t.equal(await httpVerdict(url, kept), 'accepted')
  // The same id with another key behind it is another key.
  issuer.publish({ two: third })
  await eventually(async () => await httpVerdict(url, kept) === 'auth/invalid-token', 10_000)
  await eventually(async () => await httpVerdict(url, signed(third, { kid: 'two' })) === 'accepted')
})
