// Keys: static ones, rotation, and an issuer's key set that is never trusted with more than its keys.
import { test } from 'tap'
import { eventually, startInstance, TEST_SECRET, token, type Instance } from '../helpers/index.ts'
import { startIssuer } from './issuer.ts'
import { hmacSigner, keyPairSigner, signed } from './vectors.ts'
import { ACCEPTED, both, httpVerdict, verdicts } from './verdicts.ts'

const NEW_SECRET = 'the secret after the rotation, over 32 characters'
const [first, second, third] = [keyPairSigner('RS256'), keyPairSigner('ES256'), keyPairSigner('EdDSA')]

function withIssuer (t: Parameters<typeof startInstance>[0], url: string, env: Record<string, string> = {}): Promise<Instance> {
  return startInstance(t, { JWT_SECRET: '', JWT_JWKS_URL: url, JWKS_REFETCH_SECONDS: '600', ...env })
}

for (const signer of [first, second, third]) {
  test(`JWT_PUBLIC_KEY serves ${signer.algorithm}, and pins it`, async t => {
    const { url } = await startInstance(t, { JWT_SECRET: '', JWT_PUBLIC_KEY: signer.known })
    t.strictSame(await verdicts(t, url, signed(signer)), ACCEPTED)
    for (const other of [first, second, third].filter(other => other !== signer)) t.strictSame(await verdicts(t, url, signed(other)), both('auth/invalid-token'))
    t.strictSame(await verdicts(t, url, signed(hmacSigner(signer.known))), both('auth/invalid-token'))
  })
}

test('JWT_SECRET_PREVIOUS: tokens of the secret before and of the new one are good, of a third are not', async t => {
  const { url } = await startInstance(t, { JWT_SECRET: NEW_SECRET, JWT_SECRET_PREVIOUS: TEST_SECRET })
  t.strictSame(await verdicts(t, url, token()), ACCEPTED)
  t.strictSame(await verdicts(t, url, token({}, { key: NEW_SECRET })), ACCEPTED)
  t.strictSame(await verdicts(t, url, token({}, { key: 'a third secret, of more than 32 characters' })), both('auth/invalid-token'))
  t.strictSame(await verdicts(t, url, token({ exp: 1 })), both('auth/token-expired'))
  t.strictSame(await verdicts(t, url, token({}, { key: NEW_SECRET, algorithm: 'HS512' })), both('auth/invalid-token'))
})

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
      for (const verdict of await Promise.all(flood)) if (verdict !== 'auth/invalid-token') t.fail(verdict)
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
  const faults: Array<(response: import('node:http').ServerResponse) => void> = [
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
  for (const status of [301, 302, 307, 308]) {
    issuer.answer(response => response.writeHead(status, { location: elsewhere.url }).end())
    const { url, kill } = await withIssuer(t, issuer.url)
    t.strictSame(await verdicts(t, url, signed(first, { kid: 'one' })), { http: 'auth/keys-unavailable', socket: 'closed' })
    await kill()
  }
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
