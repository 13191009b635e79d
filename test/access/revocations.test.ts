// Revoked tokens: by id, or all of a user issued before a time; taken back; told to others in any order.
import { mock } from 'node:test'
import { test, type Test } from 'tap'
import { readIdentity } from '../../services/access/identity.ts'
import { assertWithinReach, createRevocations, type Revocation } from '../../services/access/revocations.ts'
import { createMetrics } from '../../services/observe/metrics.ts'
import { readSettings } from '../../services/settings/read.ts'

const settings = readSettings({ TOKEN_MAX_SECONDS: '3600' })
const HOUR = 3_600_000
const DAY = 24 * HOUR
const NOW = 1_700_000_000_000

const create = () => createRevocations(settings, createMetrics())
const identity = (claims: object) => readIdentity({ sub: 'ann', exp: Date.now() / 1000 + 60, ...claims }, settings)
const issued = (at: number) => identity({ iat: at / 1000 })

function freeze (t: Test): void {
  mock.timers.enable({ apis: ['Date'], now: NOW })
  t.teardown(() => mock.timers.reset())
}

test('a jti is that token, whoever bears it', async t => {
  const revocations = create()
  revocations.revoke({ jti: 'a' }, Date.now())
  t.ok(revocations.isRevoked(identity({ jti: 'a' })))
  t.notOk(revocations.isRevoked(identity({ jti: 'b' })))
  t.notOk(revocations.isRevoked(identity({})))
})

test('a user and a time are all tokens issued before it, and those that do not say when', async t => {
  freeze(t)
  const revocations = create()
  revocations.revoke({ userId: 'ann', issuedBefore: NOW }, NOW)
  t.ok(revocations.isRevoked(issued(NOW - 1000)))
  t.ok(revocations.isRevoked(identity({})))
  t.notOk(revocations.isRevoked(issued(NOW)))
  t.notOk(revocations.isRevoked(identity({ sub: 'bob', iat: NOW / 1000 - 1 })))
})

test('an earlier time does not undo a later one, nor shorten its life', async t => {
  freeze(t)
  const revocations = create()
  revocations.revoke({ userId: 'ann', issuedBefore: NOW + HOUR }, NOW)
  revocations.revoke({ userId: 'ann', issuedBefore: NOW - HOUR }, NOW)
  t.ok(revocations.isRevoked(issued(NOW - 1000)))
  // The second has been over for half an hour, and it is looked for what is over.
  mock.timers.setTime(NOW + DAY + 1.5 * HOUR)
  revocations.revoke({ jti: 'another' }, Date.now())
  t.ok(revocations.isRevoked(issued(NOW + HOUR - 1000)))
  mock.timers.setTime(NOW + DAY + 2.5 * HOUR)
  revocations.revoke({ jti: 'another' }, Date.now())
  t.notOk(revocations.isRevoked(issued(NOW + HOUR - 1000)), 'and it is forgotten in the end')
})

test('a revocation is taken back by the same target, and by no other; it can be given again', async t => {
  freeze(t)
  const metrics = createMetrics()
  const revocations = createRevocations(settings, metrics)
  revocations.revoke({ jti: 'a' }, NOW)
  revocations.restore({ jti: 'b' }, NOW)
  t.ok(revocations.isRevoked(identity({ jti: 'a' })))
  revocations.restore({ jti: 'a' }, NOW)
  t.notOk(revocations.isRevoked(identity({ jti: 'a' })))
  revocations.revoke({ jti: 'a' }, NOW)
  t.ok(revocations.isRevoked(identity({ jti: 'a' })))

  revocations.revoke({ userId: 'ann', issuedBefore: NOW - 10_000 }, NOW)
  revocations.revoke({ userId: 'ann', issuedBefore: NOW }, NOW)
  revocations.restore({ userId: 'ann', issuedBefore: NOW }, NOW)
  t.notOk(revocations.isRevoked(issued(NOW - 5000)))
  t.ok(revocations.isRevoked(issued(NOW - 15_000)), 'the other one of the same user stays')
  t.match(await metrics.revocations.get(), { values: [{ value: 2 }] })
})

test('entries can be learned in any order and more than once, and every instance ends up with the same', async t => {
  freeze(t)
  const first = create()
  first.revoke({ jti: 'taken back' }, NOW - 3000)
  first.revoke({ jti: 'kept' }, NOW - 2000)
  const before = first.known()
  first.restore({ jti: 'taken back' }, NOW - 1000)
  first.revoke({ userId: 'ann', issuedBefore: NOW }, NOW)
  const after = first.known()
  for (const told of [[...before, ...after], [...after, ...before], [...after, ...before, ...after].reverse()]) {
    const second = create()
    for (const revocation of told) second.learn(revocation)
    t.strictSame(second.known(), after)
    t.notOk(second.isRevoked(identity({ jti: 'taken back', sub: 'bob' })))
    t.ok(second.isRevoked(identity({ jti: 'kept', sub: 'bob' })))
    t.ok(second.isRevoked(issued(NOW - 1000)))
  }
})

test('a clock that went back does not make a later command the earlier one', async t => {
  const revocations = create()
  revocations.revoke({ jti: 'a' }, NOW)
  const stale = revocations.known()
  revocations.restore({ jti: 'a' }, NOW - HOUR)
  for (const revocation of stale) revocations.learn(revocation)
  t.notOk(revocations.isRevoked(identity({ jti: 'a' })))
})

test('an entry learned again keeps its own end, and an outdated one is neither sent nor learned', async t => {
  freeze(t)
  const first = create()
  first.revoke({ jti: 'a' }, NOW)
  const [told] = first.known() as [Revocation]
  t.equal(told.until, NOW + HOUR + DAY, 'the longest life of a token, and what the clock may be wrong by')
  mock.timers.setTime(NOW + DAY)
  const second = create()
  second.learn(told)
  t.strictSame(second.known(), [told])
  mock.timers.setTime(NOW + HOUR + DAY + 1)
  t.strictSame(second.known(), [])
  const third = create()
  third.learn(told)
  t.notOk(third.isRevoked(identity({ jti: 'a' })))
})

test('issuedBefore: milliseconds within reach of now, and no other unit', async t => {
  for (const issuedBefore of [NOW, NOW - 3000 * DAY, NOW - 1, NOW + HOUR]) assertWithinReach({ userId: 'ann', issuedBefore }, settings, NOW)
  assertWithinReach({ jti: 'a' }, settings, NOW)
  for (const issuedBefore of [0, 1, -1, NOW / 1000, NOW * 1000, NOW * 1e6, NOW + HOUR + 1, NOW - 3651 * DAY]) {
    t.throws(() => assertWithinReach({ userId: 'ann', issuedBefore }, settings, NOW), { code: 'request/invalid', message: /issuedBefore.*milliseconds.*3600 seconds/ }, String(issuedBefore))
  }
})
