// Time as bounds on it are judged: it stands still while this machine keeps an idle timer waiting.
// So a busy machine fails no test, and a product that waits does.
import type { Scope } from './scope.ts'

const TICK_MS = 20
/** Timers are that late on an idle machine too. */
const USUAL_MS = 2

export interface Clock {
  /** Milliseconds since it was started, less by how much an idle timer was late. Differences are durations. */
  now (): number
  stop (): void
}

/** Stopped at teardown. */
export function startClock (t: Scope): Clock {
  const clock = createClock()
  t.teardown(clock.stop)
  return clock
}

/** To be stopped, or it ticks for ever. */
export function createClock (): Clock {
  const startedAt = performance.now()
  let lostMs = 0
  let due = startedAt + TICK_MS
  let timer = setTimeout(tick, TICK_MS)

  function tick (): void {
    lostMs += lateMs()
    due = performance.now() + TICK_MS
    timer = setTimeout(tick, TICK_MS)
  }

  function lateMs (): number {
    return Math.max(0, performance.now() - due - USUAL_MS)
  }

  return {
    now: () => performance.now() - startedAt - lostMs - lateMs(),
    stop: () => clearTimeout(timer)
  }
}
