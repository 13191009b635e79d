// A token bucket: so many in a second on average, so many at once.
import { performance } from 'node:perf_hooks'

export interface Rate {
  /** Whether one more may pass now; counts it if so. */
  take (): boolean
  /** Whether the bucket is full again: it can be forgotten. */
  isIdle (): boolean
}

export function createRate (perSecond: number, burst: number, now: () => number = () => performance.now()): Rate {
  let level = burst
  let filledAt = now()

  function fill (): void {
    const time = now()
    level = Math.min(burst, level + (time - filledAt) / 1000 * perSecond)
    filledAt = time
  }

  return {
    take () {
      fill()
      if (level < 1) return false
      level--
      return true
    },
    isIdle () {
      fill()
      return level >= burst
    }
  }
}

/** One bucket a key; idle ones are forgotten, so that there are never many more than keys in use. */
export function createRates (perSecond: number, burst: number) {
  const rates = new Map<string, Rate>()
  let sweepAt = 1000

  return {
    take (key: string): boolean {
      let rate = rates.get(key)
      if (rate === undefined) {
        rate = createRate(perSecond, burst)
        rates.set(key, rate)
        if (rates.size > sweepAt) {
          for (const [idle, { isIdle }] of rates) if (isIdle()) rates.delete(idle)
          sweepAt = Math.max(1000, rates.size * 2)
        }
      }
      return rate.take()
    }
  }
}
