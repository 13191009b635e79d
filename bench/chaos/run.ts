// `npm run chaos -- --minutes 10 [--cluster] [--seed n] [--only part-of-a-name] [--since] [--drills] [--page file]`: random faults
// under traffic, then with `--drills` each alert once. After any loss, it prints the seed and a timeline, and exits with 1.
import { randomInt } from 'node:crypto'
import { writeFile } from 'node:fs/promises'
import { parseArgs } from 'node:util'
import { runDrills } from '../../deploy/drills/all.ts'
import { createRandom } from '../../test/helpers/random.ts'
import { clusterFaults } from './cluster-faults.ts'
import { createClusterWorld } from './cluster-world.ts'
import { faults } from './faults.ts'
import { clusterPage } from './page.ts'
import { inhabited } from './people.ts'
import { roomcast, roomcastSince } from './roomcast.ts'
import type { Row } from './round.ts'
import { createRun } from './rounds.ts'
import { formatMs, formatTable } from './table.ts'
import { createWorld } from './world.ts'

const { values } = parseArgs({
  options: {
    minutes: { type: 'string', default: '10' },
    seed: { type: 'string' },
    only: { type: 'string', default: '' },
    since: { type: 'boolean', default: false },
    cluster: { type: 'boolean', default: false },
    drills: { type: 'boolean', default: false },
    /** Runs both kinds of Redis. */
    page: { type: 'string' }
  }
})
const seed = Number(values.seed ?? randomInt(2 ** 31))
const service = values.since ? roomcastSince : roomcast
const minutes = Number(values.minutes) / (values.page === undefined ? 1 : 2)
const run = createRun(createRandom(seed), minutes * 60_000, values.only)

/** Their own random numbers leave the order of the faults to the seed. */
const people = createRandom(seed + 1)

console.log(`seed ${seed}`)
const isPage = values.page !== undefined
const cluster = values.cluster || isPage ? await run.all(clusterFaults, inhabited(people, service, createClusterWorld)) : []
const one = !values.cluster || isPage ? await run.all(faults, inhabited(people, service, (scope, served) => createWorld(scope, served))) : []
const tables: Array<[redis: string, rows: Row[]]> = [['one', one], ['cluster', cluster]]

const table = formatTable(
  ['fault', 'Redis', 'rounds', 'updates', 'lost', 'repeated', 'out of order', 'told', 'time to repair'],
  tables.flatMap(([redis, rows]) => rows.map(row => [row.fault, redis, row.rounds, row.updates, row.lost, row.repeated, row.outOfOrder, row.told, formatMs(row.repairMs)]))
)
console.log(`\n${table}`)
if (run.broken.length > 0) console.error(`\nseed ${seed}\n${run.timeline.join('\n')}\n\n${run.broken.join('\n')}`)
else if (values.page !== undefined) await writeFile(values.page, clusterPage(table, Number(values.minutes)))
const failures = values.drills ? await runDrills('') : []
process.exit(run.broken.length + failures.length > 0 ? 1 : 0)
