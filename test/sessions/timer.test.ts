// Timers to far moments.
import { mock } from 'node:test'
import { test } from 'tap'
import { at } from '../../services/sessions/timer.ts'

const DAY = 24 * 3600 * 1000

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
