// What runs have found, kept in a file: each run replaces what it measured anew, and the pages are written from all of it.
import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { BigRoomResult } from '../big-room.ts'
import type { Machine } from '../measure/machine.ts'
import type { NginxResult } from '../nginx.ts'
import type { RedisMemoryResult } from '../redis-memory.ts'
import type { RoomsResult } from '../rooms.ts'
import type { Figure } from '../scenarios/scenario.ts'
import type { StampedeResult } from '../stampede.ts'
import type { TracingCost } from '../tracing.ts'

/** Medians over the rounds, and the ratio to the reference within each round. */
export interface Value {
  median: number
  ratio?: number
}

export interface FigureResult extends Omit<Figure, 'read'> {
  byPeer: Record<string, Value>
}

/** Every part says when and on what it was measured. */
export interface Taken {
  /** As `2026-11-25`. */
  day: string
  machine: Machine
  isQuick: boolean
}

export interface ScenarioResult extends Taken {
  about: string
  rounds: number
  figures: FigureResult[]
  /** Deliveries that did not come, came twice or came out of order, over all rounds. */
  wrong: Record<string, number>
}

export interface Results {
  scenarios: Record<string, ScenarioResult>
  tracing?: TracingCost & Taken
  nginx?: NginxResult & Taken
  redisMemory?: RedisMemoryResult & Taken
  rooms?: RoomsResult & Taken
  bigRoom?: BigRoomResult & Taken
  stampedes?: { runs: StampedeResult[] } & Taken
}

export const RESULTS = 'benchmarks/results.json'

/** @param dir where the pages are, as `docs` */
export async function readResults (dir: string): Promise<Results> {
  try {
    return JSON.parse(await readFile(join(dir, RESULTS), 'utf8')) as Results
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error
    return { scenarios: {} }
  }
}

export async function writeResults (dir: string, results: Results): Promise<void> {
  await mkdir(join(dir, 'benchmarks'), { recursive: true })
  await writeFile(join(dir, RESULTS), `${JSON.stringify(results, null, 2)}\n`)
}

/** @throws Error when that has not been measured yet */
export function valueOf (results: Results, scenario: string, figure: string, peer: string): number {
  const found = results.scenarios[scenario]?.figures.find(({ name }) => name === figure)?.byPeer[peer]
  if (found === undefined) throw new Error(`${scenario} has no figure "${figure}" of ${peer}: run npm run bench -- --only ${scenario}`)
  return found.median
}
