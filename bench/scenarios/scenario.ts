// A scenario: how many instances, rooms and members, what is published, and what is read from it.
import type { TallyCounts } from '../load/tally.ts'

export interface Phase {
  name: 'warm' | 'paced' | 'full'
  publishes: number
  /** A second; or else as fast as they are answered, with `window` under way. */
  rate?: number
  window?: number
}

export interface Load {
  instances: number
  rooms: number
  members: number
  /** `spread`: over all instances in turn; `others`: over all but the first, where all publishes go. */
  place: 'spread' | 'first' | 'others'
  /** HTTP connections to publish over. */
  connections: number
  /** Rest before anything is measured. */
  settleMs: number
  /** For so long the servers are watched while nothing happens. */
  idleMs?: number
  /** Memory is compared from so many members on, after garbage collection. */
  memoryFrom?: number
  phases: Phase[]
}

export interface PhaseResult extends TallyCounts {
  name: Phase['name']
  publishes: number
  seconds: number
  /** In microseconds, by instance. */
  servers: number[]
  redis: number
}

export interface LoadResult {
  /** What it took the servers to take in a member, in microseconds. */
  joinMicroseconds: number
  phases: PhaseResult[]
  /** In milliseconds of processor a second. */
  idle?: { instances: number[], redis: number }
  memory?: { kibPerConnection: number }
}

/** One number that a scenario is run for. */
export interface Figure {
  name: string
  unit: 'µs' | 'ms' | 'ms/s' | 'KiB' | '1/s'
  /** Whether its ratio to stock Socket.IO with the Redis adapter says something. */
  isCompared: boolean
  read: (result: LoadResult) => number
}

export interface Scenario {
  name: string
  /** One sentence for the page. */
  about: string
  load: Load
  figures: Figure[]
}

export function phaseOf (result: LoadResult, name: Phase['name']): PhaseResult {
  const found = result.phases.find(phase => phase.name === name)
  if (found === undefined) throw new Error(`the run has no phase ${name}`)
  return found
}

export function sum (values: number[]): number {
  return values.reduce((total, value) => total + value, 0)
}
