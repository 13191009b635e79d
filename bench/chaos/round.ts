// One round: a fault under traffic, the time until every follower has recovered, and the counts.
import { performance } from 'node:perf_hooks'
import { setTimeout as pause } from 'node:timers/promises'
import type { Random } from '../../test/helpers/random.ts'
import type { Fault } from './faults.ts'
import type { Counts } from './tally.ts'
import type { World } from './world.ts'

const WARM_MS = 500
/** A round that takes longer counts as never repaired. */
const REPAIR_LIMIT_MS = 15_000
/** A lost last update must be detected within this time. */
const SETTLE_MS = 5000

export interface Row extends Counts {
  fault: string
  rounds: number
  updates: number
  /** The longest time to repair; undefined if a follower never recovered. */
  repairMs: number | undefined
}

export async function runRound<W extends World> (world: W, fault: Fault<W>, random: Random, note: (what: string) => void): Promise<Row> {
  const before = sum(world.acknowledged())
  world.write()
  await pause(WARM_MS)
  note(`fault: ${fault.name}`)
  await fault.run(world, random)
  note('undone')
  const repairMs = await timeToRepair(world)
  note(repairMs === undefined ? 'not repaired' : `repaired after ${Math.round(repairMs)} ms`)
  await world.mend()
  await world.rest()
  const goal = world.acknowledged()
  await until(() => world.tallies.every(tally => tally.hasReached(goal)), SETTLE_MS)
  const counts = world.tallies.map(tally => tally.take(goal))
  const total = (pick: (counts: Counts) => number) => sum(counts.map(pick))
  return {
    fault: fault.name,
    rounds: 1,
    updates: sum(goal) - before,
    lost: total(({ lost }) => lost),
    told: total(({ told }) => told),
    repeated: total(({ repeated }) => repeated),
    outOfOrder: total(({ outOfOrder }) => outOfOrder),
    repairMs
  }
}

/** Waits until every follower has an update that was published after the fault was undone. */
async function timeToRepair (world: World): Promise<number | undefined> {
  const startedAt = performance.now()
  // The current update may have been published earlier, so wait for the one after it.
  const goal = world.acknowledged().map(n => n + 2)
  const isRepaired = await until(() => world.tallies.every(tally => tally.hasReached(goal)), REPAIR_LIMIT_MS)
  return isRepaired ? performance.now() - startedAt : undefined
}

async function until (holds: () => boolean, limitMs: number): Promise<boolean> {
  const deadline = performance.now() + limitMs
  while (performance.now() < deadline) {
    if (holds()) return true
    await pause(10)
  }
  return holds()
}

function sum (numbers: number[]): number {
  return numbers.reduce((total, n) => total + n, 0)
}

/** Combines the rounds of one fault into a row. */
export function addRows (a: Row, b: Row): Row {
  return {
    fault: a.fault,
    rounds: a.rounds + b.rounds,
    updates: a.updates + b.updates,
    lost: a.lost + b.lost,
    told: a.told + b.told,
    repeated: a.repeated + b.repeated,
    outOfOrder: a.outOfOrder + b.outOfOrder,
    repairMs: a.repairMs === undefined || b.repairMs === undefined ? undefined : Math.max(a.repairMs, b.repairMs)
  }
}
