// Rounds of random faults on one world, until the time has passed or a promise is broken.
import { performance } from 'node:perf_hooks'
import type { Random } from '../../test/helpers/random.ts'
import type { Fault } from './faults.ts'
import { addRows, runRound, type Row } from './round.ts'
import { createScope, type RunScope } from './scope.ts'
import { formatMs } from './table.ts'
import type { World } from './world.ts'

/** The longest time allowed to detect a silent loss: 5 s. */
const REPAIR_MS = 5000

export interface Run {
  timeline: string[]
  /** How promises were broken. The run ends with the first round that breaks one. */
  broken: string[]
  /** @returns a row for each fault, in the order of the faults */
  all<W extends World> (faults: Array<Fault<W>>, createWorld: (scope: RunScope) => Promise<W>): Promise<Row[]>
}

/**
 * @param durationMs of one world. Each fault runs once even if that takes longer.
 * @param only part of the names of faults to run
 */
export function createRun (random: Random, durationMs: number, only: string): Run {
  const startedAt = performance.now()
  const timeline: string[] = []
  const broken: string[] = []

  function note (what: string): void {
    const line = `${((performance.now() - startedAt) / 1000).toFixed(2).padStart(8)} s  ${what}`
    timeline.push(line)
    console.log(line)
  }

  async function all<W extends World> (faults: Array<Fault<W>>, createWorld: (scope: RunScope) => Promise<W>): Promise<Row[]> {
    const scope = createScope()
    const rows = new Map<string, Row>()
    const chosen = faults.filter(({ name }) => name.includes(only))
    const endsAt = performance.now() + durationMs
    try {
      const world = await createWorld(scope)
      // Each fault once in random order, then random faults until the time has passed.
      const queue = [...chosen]
      while (broken.length === 0 && (queue.length > 0 || performance.now() < endsAt)) {
        const [fault = chosen[random.below(chosen.length)] as Fault<W>] = queue.splice(random.below(queue.length), 1)
        const row = await runRound(world, fault, random, note)
        const known = rows.get(fault.name)
        rows.set(fault.name, known === undefined ? row : addRows(known, row))
        broken.push(...faultsOf(row, fault, world))
        for (const what of broken) note(`BROKEN: ${what}`)
      }
    } catch (error) {
      broken.push(String(error))
      console.error(error)
    }
    if (broken.length > 0) scope.fail()
    await scope.close()
    return chosen.flatMap(({ name }) => rows.get(name) ?? [])
  }

  return { timeline, broken, all }
}

/** How a round breaks the promises; empty if it does not. */
function faultsOf<W extends World> (row: Row, { mayTell = false }: Fault<W>, world: W): string[] {
  return [
    row.lost > 0 ? `${row.lost} lost` : '',
    row.repeated > 0 ? `${row.repeated} repeated` : '',
    row.outOfOrder > 0 ? `${row.outOfOrder} out of order` : '',
    row.told > 0 && !mayTell ? `${row.told} missed and told, although the history was sufficient` : '',
    (row.repairMs ?? Infinity) > REPAIR_MS ? `repair took ${formatMs(row.repairMs)}` : '',
    ...world.tallies.flatMap(({ broken }) => broken.splice(0))
  ].filter(fault => fault !== '')
}
