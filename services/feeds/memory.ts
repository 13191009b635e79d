// What all feeds of an instance share: a memory budget, and the time that pages stay in memory.
import { createBudget, type Budget } from './budget.ts'
import { createLinger, type Linger } from './linger.ts'
import type { Metrics } from '../observe/metrics.ts'
import type { Settings } from '../settings.ts'

/** How long pages are kept after their last use. */
const PAGES_LINGER_MS = 1000

export interface FeedMemory {
  readonly budget: Budget
  /** Calls a callback after its time. */
  readonly pagesLinger: Linger<() => void>
}

export function createFeedMemory (settings: Settings, metrics: Metrics): FeedMemory {
  return {
    budget: createBudget(settings.FEEDS_MAX_BYTES, metrics),
    pagesLinger: createLinger(PAGES_LINGER_MS, onEnd => onEnd())
  }
}
