// Redis' clock as seen from here, so that a deadline can be given in Redis' own time.
import { performance } from 'node:perf_hooks'

/** A sample counts for one to two of these: clocks drift, and are set. */
const WINDOW_MS = 10_000

export interface RedisClock {
  /** Takes a time that an answer of Redis carried, right when the answer came. */
  sample (redisNow: number): void
  /** Forgets all samples: the clock was set, or it is another Redis. */
  reset (): void
  /**
   * A time by Redis' clock that is not later than `afterMs` from now. It may be early by the time the quickest
   * answer took to come back, never late: an answer tells a time that is already past.
   */
  deadline (afterMs: number): number
}

export function createRedisClock (now: () => number = () => performance.now()): RedisClock {
  let started = now()
  let current = -Infinity
  let previous = -Infinity

  return {
    sample (redisNow) {
      const age = now() - started
      if (age > WINDOW_MS) {
        previous = age > 2 * WINDOW_MS ? -Infinity : current
        current = -Infinity
        started = now()
      }
      current = Math.max(current, redisNow - now())
    },
    reset () {
      current = previous = -Infinity
    },
    deadline (afterMs) {
      return Math.floor(now() + Math.max(current, previous) + afterMs)
    }
  }
}
