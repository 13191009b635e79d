// The token bucket, by a clock of the test.
import { test } from 'tap'
import { createRate, createRates } from '../../services/access/rate.ts'

test('so many at once, then so many in a second', async t => {
  let now = 0
  const rate = createRate(10, 3, () => now)
  const take = () => rate.take()
  const taken = (tries: number) => Array.from({ length: tries }, take).filter(Boolean).length
  t.equal(taken(10), 3)
  now = 99
  t.equal(taken(10), 0)
  now = 100
  t.equal(taken(10), 1)
  now = 1100
  t.equal(taken(10), 3, 'what is not used is saved up to the burst only')
  now = 3_600_000
  t.equal(taken(10), 3)
})

test('on average, no more than the rate over a long time', async t => {
  let now = 0
  const rate = createRate(50, 5, () => now)
  const take = () => rate.take()
  let passed = 0
  for (; now < 10_000; now += 1) if (take()) passed++
  t.ok(passed >= 499 && passed <= 505, `${passed} in 10 s`)
})

test('is idle when full', async t => {
  let now = 0
  const rate = createRate(10, 2, () => now)
  t.ok(rate.isIdle())
  rate.take()
  t.notOk(rate.isIdle())
  now = 100
  t.ok(rate.isIdle())
})

test('each key has a bucket of its own, however many there are', async t => {
  const rates = createRates(0.001, 2)
  t.ok(rates.take('ann'))
  t.ok(rates.take('ann'))
  t.notOk(rates.take('ann'))
  for (let n = 0; n < 5000; n++) if (!rates.take(`user-${n}`)) t.fail(`user-${n}`)
  t.notOk(rates.take('ann'), 'a bucket in use is not forgotten')
  t.ok(rates.take('bob'))
})
