// Redis' clock as seen from here: a deadline may be early, never late.
import { test } from 'tap'
import { createRedisClock } from '../../services/broker/redis-clock.ts'

test('the quickest answer counts: a deadline is never later than asked', async t => {
  let now = 1000
  const redis = () => 5_000_000 + now
  const clock = createRedisClock(() => now)
  for (const wayBack of [50, 3, 200]) {
    const told = redis()
    now += wayBack
    clock.sample(told)
  }
  const deadline = clock.deadline(100)
  t.ok(deadline <= redis() + 100)
  t.ok(deadline >= redis() + 100 - 3)
})

test('samples are used for a while and then forgotten, for clocks drift', async t => {
  let now = 0
  const clock = createRedisClock(() => now)
  clock.sample(10_000)
  now = 9000
  clock.sample(now + 9000)
  t.equal(clock.deadline(0), 19_000, 'the best of this window')
  now = 10_500
  clock.sample(now + 9000)
  t.equal(clock.deadline(0), 20_500, 'the best of the last window still counts')
  now = 21_000
  clock.sample(now + 9000)
  t.equal(clock.deadline(0), 30_000, 'and then no more')
  now = 60_000
  clock.sample(now + 8000)
  t.equal(clock.deadline(0), 68_000, 'after a silence only what is new counts')
})

test('after a reset only new samples count; without one, every deadline is past', async t => {
  const clock = createRedisClock(() => 100)
  t.equal(clock.deadline(1000), -Infinity)
  clock.sample(5000)
  clock.reset()
  t.equal(clock.deadline(1000), -Infinity)
  clock.sample(3000)
  t.equal(clock.deadline(1000), 4000)
})
