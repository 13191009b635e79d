// Who a token says its bearer is; the signature has been checked before.
import { test } from 'tap'
import { readIdentity } from '../../services/access/identity.ts'

const NOW = 1_700_000_000_000
const exp = NOW / 1000 + 60
const read = (claims: unknown, maxSeconds = 3600) => readIdentity(claims, maxSeconds, NOW)

test('claims become an identity, in milliseconds', async t => {
  t.strictSame(read({ sub: 'ann', exp, iat: exp - 100, jti: 'j', name: 'Ann', email: 'a@b', picture: 'https://p', capabilities: { 'a/*': ['publish'] }, other: 1 }), {
    sub: 'ann', name: 'Ann', email: 'a@b', picture: 'https://p', capabilities: { 'a/*': ['publish'] }, expiresAt: exp * 1000, issuedAt: (exp - 100) * 1000, jti: 'j'
  })
})

test('without iat it counts as issued at 0, without capabilities it may do nothing', async t => {
  t.match(read({ sub: 'ann', exp }), { issuedAt: 0, capabilities: {}, name: undefined, jti: undefined })
})

test('fractions of a second are taken', async t => {
  t.equal(read({ sub: 'ann', exp: exp + 0.5 }).expiresAt, exp * 1000 + 500)
})

test('a token that is over, to the millisecond', async t => {
  t.throws(() => read({ sub: 'ann', exp: NOW / 1000 }), { code: 'auth/token-expired' })
  t.throws(() => read({ sub: 'ann', exp: 0 }), { code: 'auth/token-expired' })
  t.ok(read({ sub: 'ann', exp: NOW / 1000 + 0.001 }))
})

test('a token that ends too far away', async t => {
  t.ok(read({ sub: 'ann', exp: NOW / 1000 + 3600 }))
  t.throws(() => read({ sub: 'ann', exp: NOW / 1000 + 3601 }), { code: 'auth/invalid-token', message: /3600 seconds/ })
})

test('what lacks a claim, or has one of the wrong form, is refused', async t => {
  for (const claims of [
    null, [], 'text', 7, {}, { sub: 'ann' }, { exp }, { sub: '', exp }, { sub: 7, exp }, { sub: ['ann'], exp }, { sub: 'x'.repeat(257), exp },
    { sub: 'ann', exp: String(exp) }, { sub: 'ann', exp: NaN }, { sub: 'ann', exp: Infinity }, { sub: 'ann', exp: -1 }, { sub: 'ann', exp, iat: 'now' },
    { sub: 'ann', exp, jti: '' }, { sub: 'ann', exp, name: {} }, { sub: 'ann', exp, capabilities: [] }, { sub: 'ann', exp, capabilities: { 'a/b': 'publish' } },
    { sub: 'ann', exp, capabilities: { 'a/b': [1] } }, { sub: 'ann', exp, capabilities: null }, { sub: 'ann', exp, capabilities: 'all' }
  ]) t.throws(() => read(claims), { code: 'auth/invalid-token' }, JSON.stringify(claims))
})
