// One memory budget for the recent updates that all feeds keep: tails, and pages of history for replays. Over the
// budget, the least recently used go first; later they are read from the broker again.
import { countLimit } from '../observe/limits.ts'
import type { Metrics } from '../observe/metrics.ts'

/** A holder of updates that can drop them. */
export interface Holder {
  /** Drops the updates. The budget no longer counts their bytes. */
  evict (): void
}

export interface Budget {
  /** Records how many bytes the holder keeps, and that it was just used. */
  use (holder: Holder, bytes: number): void
}

export function createBudget (maxBytes: number, metrics: Metrics): Budget {
  /** Bytes per holder; the least recently used comes first. */
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
      // Keep the holder in use: it would be read again at once.
      while (total > maxBytes && kept.size > 1) evictFirst()
      metrics.feedBytes.set(total)
    }
  }
}
