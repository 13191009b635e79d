// One budget for the recent updates that all feeds of an instance keep: tails, and pages of history for those who replay.
// Over it, what was not used for longest goes first; whoever wants it later reads it from the broker.
import { countLimit } from '../observe/limits.ts'
import type { Metrics } from '../observe/metrics.ts'

/** Something that keeps updates, and can go without. */
export interface Holder {
  /** The budget has taken its bytes back: forget what is kept. */
  evict (): void
}

export interface Budget {
  /** The holder keeps so many bytes from now on, and was just of use. */
  use (holder: Holder, bytes: number): void
}

export function createBudget (maxBytes: number, metrics: Metrics): Budget {
  /** Bytes by holder, in the order of their last use. */
  const kept = new Map<Holder, number>()
  let total = 0

  function evictFirst (): void {
    const [holder, bytes] = kept.entries().next().value as [Holder, number]
    kept.delete(holder)
    total -= bytes
    holder.evict()
    countLimit(metrics, 'feed-bytes')
  }

  return {
    use (holder, bytes) {
      total += bytes - (kept.get(holder) ?? 0)
      kept.delete(holder)
      if (bytes > 0) kept.set(holder, bytes)
      // Never the one that is of use right now: it would be read again, and evicted again.
      while (total > maxBytes && kept.size > 1) evictFirst()
      metrics.feedBytes.set(total)
    }
  }
}
