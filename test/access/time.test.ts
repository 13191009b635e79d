// Timers to moments of the wall clock: however far, and when the clock is set meanwhile.
import { mock } from 'node:test'
import { test } from 'tap'
import { at } from '../../services/access/time.ts'

const MINUTE = 60_000
const HOUR = 60 * MINUTE
const DAY = 24 * HOUR

test('calls back at the moment, however far, and once', async t => {
  mock.timers.enable({ apis: ['setTimeout', 'Date'], now: 0 })
  t.teardown(() => mock.timers.reset())
  for (const [days, name] of [[0.5, 'half a day'], [24, 'under the longest timer'], [30, 'over it'], [100, 'far over it']] as const) {
    let calls = 0
    const moment = Date.now() + days * DAY
    at(moment, () => { calls++ })
    while (Date.now() + DAY / 4 < moment) mock.timers.tick(DAY / 4)
    mock.timers.tick(moment - Date.now() - 1)
    t.equal(calls, 0, `${name}: not before`)
    mock.timers.tick(1)
    t.equal(calls, 1, name)
    mock.timers.tick(60 * DAY)
    t.equal(calls, 1)
  }
})

test('a moment that has passed comes at once; a cancelled one never', async t => {
  mock.timers.enable({ apis: ['setTimeout', 'Date'], now: DAY })
  t.teardown(() => mock.timers.reset())
  let calls = 0
  at(0, () => { calls++ })
  mock.timers.tick(1)
  t.equal(calls, 1)
  const cancelNear = at(Date.now() + 10, () => { calls++ })
  const cancelFar = at(Date.now() + 60 * DAY, () => { calls++ })
  cancelNear()
  mock.timers.tick(30 * DAY)
  cancelFar()
  mock.timers.tick(60 * DAY)
  t.equal(calls, 1)
})

test('a clock that is set forward: what is then over comes within a minute, what is not does not come early', async t => {
  mock.timers.enable({ apis: ['setTimeout', 'Date'], now: DAY })
  t.teardown(() => mock.timers.reset())
  let [over, later] = [0, 0]
  at(DAY + HOUR / 2, () => { over++ })
  at(DAY + 2 * HOUR, () => { later++ })
  mock.timers.tick(1000)
  setClock(HOUR)
  mock.timers.tick(MINUTE)
  t.equal(over, 1)
  t.equal(later, 0)
  mock.timers.tick(HOUR - 2 * MINUTE)
  t.equal(later, 0)
  mock.timers.tick(2 * MINUTE)
  t.equal(later, 1)
})

test('a clock that is set back: nothing comes before its moment', async t => {
  mock.timers.enable({ apis: ['setTimeout', 'Date'], now: DAY })
  t.teardown(() => mock.timers.reset())
  let calls = 0
  at(DAY + MINUTE, () => { calls++ })
  mock.timers.tick(1000)
  setClock(-HOUR)
  for (let minute = 0; minute < 60; minute++) mock.timers.tick(MINUTE)
  t.equal(calls, 0)
  mock.timers.tick(MINUTE)
  t.equal(calls, 1)
})

/** Sets the clock on the wall; what waits goes by another one. The Date of the mock goes with its reset. */
function setClock (byMs: number): void {
  const wall = Date.now
  Date.now = () => wall() + byMs
}
