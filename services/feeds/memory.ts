// What the feeds of an instance share: the memory they may use together, and for how long pages stay in it.
import { createBudget, type Budget } from './budget.ts'
import { createLinger, type Linger } from './linger.ts'
import type { Metrics } from '../observe/metrics.ts'
import type { Settings } from '../settings.ts'

/** How long pages are kept after they were last of use. */
const PAGES_LINGER_MS = 1000

export interface FeedMemory {
  readonly budget: Budget
  /** Calls what was put in when its time has passed. */
  readonly pagesLinger: Linger<() => void>
}

export function createFeedMemory (settings: Settings, metrics: Metrics): FeedMemory {
  return {
    budget: createBudget(settings.FEEDS_MAX_BYTES, metrics),
    pagesLinger: createLinger(PAGES_LINGER_MS, onEnd => onEnd())
  }
}
