// All sessions: each is told in time when one of its tokens is due, though most of them are hardly ever looked at.
import { mock } from 'node:test'
import { test, type Test } from 'tap'
import { createMetrics } from '../../services/observe/metrics.ts'
import type { Session } from '../../services/sessions/session.ts'
import { createSessions } from '../../services/sessions/sessions.ts'

const NOW = Date.UTC(2026, 0, 1)
const MINUTE = 60_000

/** The wall clock, which can be set. */
let now = NOW

function createAll (t: Test) {
  now = NOW
  mock.timers.enable({ apis: ['setInterval'] })
  const { mock: clock } = mock.method(Date, 'now', () => now)
  const sessions = createSessions({ metrics: createMetrics() })
  t.teardown(() => {
    sessions.close()
    clock.restore()
    mock.timers.reset()
  })
  return sessions
}

/** A session that is due once. Counts how often it was asked when. */
function createOne (dueInMs: number) {
  const session = {
    next: NOW + dueInMs,
    looks: 0,
    /** When it was told, in milliseconds from the start. */
    told: [] as number[],
    get dueAt () {
      session.looks++
      return session.next
    },
    identity: () => ({ sub: 'ann' }),
    onDue (at: number) {
      session.told.push(at - NOW)
      session.next = Infinity
    }
  }
  return session as unknown as typeof session & Session
}

/** Lets the time pass in steps of the check. */
function pass (ms: number): void {
  for (let passed = 0; passed < ms; passed += 250) {
    now += 250
    mock.timers.tick(250)
  }
}

test('a session is told within 250 ms of its time, and once, however far away it was', t => {
  const sessions = createAll(t)
  const times = [0, 100, 9_900, 10_100, 3 * MINUTE + 1, 17 * MINUTE]
  const all = times.map(createOne)
  for (const session of all) sessions.add(session)
  pass(20 * MINUTE)
  for (const [i, { told }] of all.entries()) {
    t.equal(told.length, 1)
    const late = (told[0] ?? NaN) - (times[i] ?? NaN)
    t.ok(late >= 0 && late <= 250, `due after ${times[i]} ms, told ${late} ms later`)
  }
  t.end()
})

test('a session whose tokens change is told at its new time, be it earlier or later', t => {
  const sessions = createAll(t)
  const [sooner, later] = [createOne(60 * MINUTE), createOne(2_000)]
  sessions.add(sooner)
  sessions.add(later)
  pass(1_000)
  sooner.next = NOW + 1_500
  sessions.onTokens(sooner)
  later.next = NOW + MINUTE
  sessions.onTokens(later)
  pass(2 * MINUTE)
  t.strictSame([sooner.told, later.told], [[1_500], [MINUTE]])
  t.end()
})

test('a clock that is set forward or back: what is due is told with the next check', t => {
  const sessions = createAll(t)
  const [one, other] = [createOne(60 * MINUTE), createOne(30 * MINUTE)]
  sessions.add(one)
  pass(1_000)
  now = NOW + 61 * MINUTE
  pass(250)
  t.strictSame(one.told, [61 * MINUTE + 250])
  now = NOW
  sessions.add(other)
  pass(30 * MINUTE)
  t.strictSame(other.told, [30 * MINUTE])
  t.end()
})

test('a session that has ended is not told, and one that is not due is seldom looked at', t => {
  const sessions = createAll(t)
  const [ended, quiet] = [createOne(1_000), createOne(60 * MINUTE)]
  sessions.add(ended)
  sessions.add(quiet)
  pass(500)
  sessions.remove(ended)
  // A command that was under way.
  sessions.onTokens(ended)
  pass(MINUTE)
  t.strictSame(ended.told, [])
  t.ok(quiet.looks < 20, `${quiet.looks} looks in 242 checks`)
  t.end()
})
