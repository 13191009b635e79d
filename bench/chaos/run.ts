// `npm run chaos -- --minutes 10 [--seed n] [--only part-of-a-name] [--since]`: random faults under traffic. Prints a table; after any loss, it prints the seed and a timeline, and exits with 1.
import { randomInt } from 'node:crypto'
import { performance } from 'node:perf_hooks'
import { parseArgs } from 'node:util'
import { createRandom } from '../../test/helpers/random.ts'
import { faults, type Fault } from './faults.ts'
import { roomcast, roomcastSince } from './roomcast.ts'
import { addRows, runRound, type Row } from './round.ts'
import { createScope } from './scope.ts'
import { formatMs, formatTable } from './table.ts'
import { createWorld, type World } from './world.ts'

/** The longest time allowed to detect a silent loss: 5 s. */
const REPAIR_MS = 5000

const { values } = parseArgs({ options: { minutes: { type: 'string', default: '10' }, seed: { type: 'string' }, only: { type: 'string', default: '' }, since: { type: 'boolean', default: false } } })
const chosen = faults.filter(({ name }) => name.includes(values.only))
const seed = Number(values.seed ?? randomInt(2 ** 31))
const endsAt = performance.now() + Number(values.minutes) * 60_000
const random = createRandom(seed)
const scope = createScope()
const startedAt = performance.now()
const timeline: string[] = []
const rows = new Map<string, Row>()

function note (what: string): void {
  const line = `${((performance.now() - startedAt) / 1000).toFixed(2).padStart(8)} s  ${what}`
  timeline.push(line)
  console.log(line)
}

/** How a round breaks the promises; empty if it does not. */
function faultsOf (row: Row, { mayTell = false }: Fault, world: World): string[] {
  return [
    row.lost > 0 ? `${row.lost} lost` : '',
    row.repeated > 0 ? `${row.repeated} repeated` : '',
    row.outOfOrder > 0 ? `${row.outOfOrder} out of order` : '',
    row.told > 0 && !mayTell ? `${row.told} missed and told, although the history was sufficient` : '',
    (row.repairMs ?? Infinity) > REPAIR_MS ? `repair took ${formatMs(row.repairMs)}` : '',
    ...world.tallies.flatMap(({ broken }) => broken.splice(0))
  ].filter(fault => fault !== '')
}

console.log(`seed ${seed}`)
const broken: string[] = []
try {
  const world = await createWorld(scope, values.since ? roomcastSince : roomcast)
  // Each fault once in random order, then random faults until the time has passed.
  const queue = [...chosen]
  while (broken.length === 0 && (queue.length > 0 || performance.now() < endsAt)) {
    const [fault = chosen[random.below(chosen.length)] as Fault] = queue.splice(random.below(queue.length), 1)
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

console.log(`\n${formatTable(
  ['fault', 'rounds', 'updates', 'lost', 'repeated', 'out of order', 'told', 'time to repair'],
  [...rows.values()].map(row => [row.fault, row.rounds, row.updates, row.lost, row.repeated, row.outOfOrder, row.told, formatMs(row.repairMs)])
)}`)
if (broken.length > 0) console.error(`\nseed ${seed}\n${timeline.join('\n')}\n\n${broken.join('\n')}`)
process.exit(broken.length > 0 ? 1 : 0)
