// A token bucket: an average per second, and a burst.
import { performance } from 'node:perf_hooks'

export interface Rate {
  /** Whether one more event may pass now. Counts it if so. */
  take (): boolean
  /** Whether the bucket is full again. Then it can be deleted. */
  isIdle (): boolean
}

export function createRate (perSecond: number, burst: number, now: () => number = readClock): Rate {
  return new Bucket(perSecond, burst, now)
}

function readClock (): number {
  return performance.now()
}

/** A class rather than a closure, because each connection has one: it needs less memory. */
class Bucket implements Rate {
  private readonly perSecond: number
  private readonly burst: number
  private readonly now: () => number
  private level: number
  private filledAt: number

  constructor (perSecond: number, burst: number, now: () => number) {
    this.perSecond = perSecond
    this.burst = burst
    this.now = now
    this.level = burst
    this.filledAt = now()
  }

  take (): boolean {
    this.fill()
    if (this.level < 1) return false
    this.level--
    return true
  }

  isIdle (): boolean {
    this.fill()
    return this.level >= this.burst
  }

  private fill (): void {
    const time = this.now()
    this.level = Math.min(this.burst, this.level + (time - this.filledAt) / 1000 * this.perSecond)
    this.filledAt = time
  }
}

/** One bucket per key. Idle buckets are deleted, so their number stays close to that of the keys in use. */
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
          for (const [idle, bucket] of rates) if (bucket.isIdle()) rates.delete(idle)
          sweepAt = Math.max(1000, rates.size * 2)
        }
      }
      return rate.take()
    }
  }
}
