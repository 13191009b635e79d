// Who a token says its bearer is; the signature has been checked before.
import { test } from 'tap'
import { readIdentity } from '../../services/access/identity.ts'

const NOW = 1_700_000_000_000
const exp = NOW / 1000 + 60
const read = (claims: unknown) => readIdentity(claims, { TOKEN_MAX_SECONDS: 3600, CLOCK_TOLERANCE_SECONDS: 5 }, NOW)

test('claims become an identity, in milliseconds', async t => {
  t.strictSame(read({ sub: 'ann', exp, iat: exp - 100, jti: 'j', name: 'Ann', email: 'a@b', picture: 'https://p', capabilities: { 'a/*': ['publish'] }, other: 1 }), {
    sub: 'ann', name: 'Ann', email: 'a@b', picture: 'https://p', capabilities: { 'a/*': ['publish'] }, expiresAt: exp * 1000, issuedAt: (exp - 100) * 1000, validFrom: (exp - 100) * 1000, jti: 'j'
  })
})

test('without iat it counts as issued at 0, without capabilities it may do nothing', async t => {
  t.match(read({ sub: 'ann', exp }), { issuedAt: 0, validFrom: 0, capabilities: {}, name: undefined, jti: undefined })
})

test('fractions of a second are taken', async t => {
  t.equal(read({ sub: 'ann', exp: exp + 0.5 }).expiresAt, exp * 1000 + 500)
})

test('a token expires to the millisecond', async t => {
  t.throws(() => read({ sub: 'ann', exp: NOW / 1000 }), { code: 'auth/token-expired' })
  t.throws(() => read({ sub: 'ann', exp: 0 }), { code: 'auth/token-expired' })
  t.ok(read({ sub: 'ann', exp: NOW / 1000 + 0.001 }))
})

test('nbf and iat may be ahead by CLOCK_TOLERANCE_SECONDS; a token further ahead is refused for now, an expired one for good', async t => {
  for (const claim of ['nbf', 'iat']) {
    t.ok(read({ sub: 'ann', exp, [claim]: NOW / 1000 + 5 }))
    t.throws(() => read({ sub: 'ann', exp, [claim]: NOW / 1000 + 5.001 }), { code: 'auth/token-not-yet-valid', retryable: true })
    t.throws(() => read({ sub: 'ann', exp: NOW / 1000, [claim]: NOW / 1000 + 60 }), { code: 'auth/token-expired', retryable: false })
  }
  // The issuer's clock is an hour ahead, and with it the end.
  t.throws(() => read({ sub: 'ann', exp: NOW / 1000 + 7200, iat: NOW / 1000 + 3600 }), { code: 'auth/token-not-yet-valid' })
})

test('a token that ends too far away', async t => {
  t.ok(read({ sub: 'ann', exp: NOW / 1000 + 3600 }))
  t.ok(read({ sub: 'ann', exp: NOW / 1000 + 3605 }), "by the issuer's clock it may be nearer")
  t.throws(() => read({ sub: 'ann', exp: NOW / 1000 + 3606 }), { code: 'auth/invalid-token', message: /3600 seconds/ })
})

test('a token without a claim, or with a claim of the wrong form, is refused', async t => {
  for (const claims of [
    null, [], 'text', 7, {}, { sub: 'ann' }, { exp }, { sub: '', exp }, { sub: 7, exp }, { sub: ['ann'], exp }, { sub: 'x'.repeat(257), exp },
    { sub: 'ann', exp: String(exp) }, { sub: 'ann', exp: NaN }, { sub: 'ann', exp: Infinity }, { sub: 'ann', exp: -1 }, { sub: 'ann', exp, iat: 'now' }, { sub: 'ann', exp, nbf: 'now' }, { sub: 'ann', exp, nbf: null },
    { sub: 'ann', exp, jti: '' }, { sub: 'ann', exp, name: {} }, { sub: 'ann', exp, capabilities: [] }, { sub: 'ann', exp, capabilities: { 'a/b': 'publish' } },
    { sub: 'ann', exp, capabilities: { 'a/b': [1] } }, { sub: 'ann', exp, capabilities: null }, { sub: 'ann', exp, capabilities: 'all' }
  ]) t.throws(() => read(claims), { code: 'auth/invalid-token' }, JSON.stringify(claims))
})
