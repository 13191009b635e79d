// Estimates Redis' clock, so that a deadline can be given in Redis' own time.
import { performance } from 'node:perf_hooks'

/** A sample counts for one to two windows, because clocks drift and can be changed. */
const WINDOW_MS = 10_000

export interface RedisClock {
  /** Takes the time that an answer of Redis contained. Call it right when the answer arrives. @param redisNow milliseconds */
  sample (redisNow: number): void
  /** Forgets all samples, because the clock was changed or another Redis answers. */
  reset (): void
  /**
   * A time by Redis' clock, in milliseconds, that is at most `afterMs` from now. It may be too early by the duration of
   * the fastest answer, but never too late: an answer contains a time that has already passed.
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
