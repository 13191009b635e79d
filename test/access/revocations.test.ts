// Revoked tokens: by id, or all of a user issued before a time.
import { test } from 'tap'
import { readIdentity } from '../../services/access/identity.ts'
import { createMetrics } from '../../services/observe/metrics.ts'
import { createRevocations } from '../../services/access/revocations.ts'

const LATER = Date.now() + 3600_000
const seconds = Math.floor(Date.now() / 1000)
const identity = (claims: object) => readIdentity({ sub: 'ann', exp: seconds + 60, ...claims }, 3600)

test('a jti is that token, whoever bears it', async t => {
  const revocations = createRevocations(createMetrics())
  revocations.add({ jti: 'a' }, LATER)
  t.ok(revocations.isRevoked(identity({ jti: 'a' })))
  t.notOk(revocations.isRevoked(identity({ jti: 'b' })))
  t.notOk(revocations.isRevoked(identity({})))
})

test('a user and a time are all tokens issued before it, and those that do not say when', async t => {
  const revocations = createRevocations(createMetrics())
  revocations.add({ userId: 'ann', issuedBefore: seconds * 1000 }, LATER)
  t.ok(revocations.isRevoked(identity({ iat: seconds - 1 })))
  t.ok(revocations.isRevoked(identity({})))
  t.notOk(revocations.isRevoked(identity({ iat: seconds })))
  t.notOk(revocations.isRevoked(identity({ sub: 'bob', iat: seconds - 1 })))
})

test('an earlier time does not undo a later one', async t => {
  const revocations = createRevocations(createMetrics())
  revocations.add({ userId: 'ann', issuedBefore: seconds * 1000 }, LATER)
  revocations.add({ userId: 'ann', issuedBefore: 1 }, LATER)
  t.ok(revocations.isRevoked(identity({ iat: seconds - 1 })))
})

test('all that matter can be written again, and what is over is forgotten', async t => {
  const metrics = createMetrics()
  const revocations = createRevocations(metrics)
  revocations.add({ jti: 'over' }, Date.now() - 1)
  t.strictSame(revocations.all(), [], 'the first look is at once')
  revocations.add({ jti: 'a' }, LATER)
  revocations.add({ userId: 'ann', issuedBefore: 5 }, LATER)
  t.strictSame(revocations.all(), [{ jti: 'a' }, { userId: 'ann', issuedBefore: 5 }])
  t.match(await metrics.revocations.get(), { values: [{ value: 2 }] })
})
