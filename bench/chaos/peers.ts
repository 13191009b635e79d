// `npm run chaos:peers`: runs the same followers and faults on Roomcast and on stock Socket.IO, and writes docs/faults.md from the results.
import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { createRandom } from '../../test/helpers/random.ts'
import { clientsAway, instanceKilled, none, pubsubKilled, redisHangs, redisRestarts } from './faults.ts'
import { roomcast, roomcastSince } from './roomcast.ts'
import { runRound, type Row } from './round.ts'
import { createScope } from './scope.ts'
import { formatMs, formatTable } from './table.ts'
import { createWorld } from './world.ts'
import type { Service } from './service.ts'
import { socketIo } from './socket-io.ts'

const FAULTS = [none, pubsubKilled, redisHangs, redisRestarts, clientsAway, instanceKilled]
const SERVICES = [roomcast, roomcastSince, socketIo('pubsub'), socketIo('streams')]
const SEED = 1
const FILE = 'docs/faults.md'

/** Each round has its own world, so that a fault does not affect later rounds. */
async function runAll (service: Service): Promise<Row[]> {
  const rows: Row[] = []
  for (const fault of FAULTS) {
    const scope = createScope()
    try {
      const world = await createWorld(scope, service)
      rows.push(await runRound(world, fault, createRandom(SEED), what => console.log(`${service.name}: ${what}`)))
    } finally {
      await scope.close()
    }
  }
  return rows
}

async function versionOf (name: string): Promise<string> {
  const file = createRequire(import.meta.url).resolve(name)
  const root = file.slice(0, file.lastIndexOf(`/node_modules/${name}/`) + `/node_modules/${name}/`.length)
  const { version } = JSON.parse(await readFile(`${root}package.json`, 'utf8')) as { version: string }
  return `${name} ${version}`
}

const results: Array<{ name: string, rows: Row[] }> = []
for (const service of SERVICES) results.push({ name: service.name, rows: await runAll(service) })

const table = formatTable(
  ['fault', 'service', 'updates', 'lost', 'told', 'repeated', 'out of order', 'time to repair'],
  FAULTS.flatMap(({ name }, i) => results.map(({ name: service, rows }) => {
    const { updates, lost, told, repeated, outOfOrder, repairMs } = rows[i] as Row
    return [name, service, updates, lost, told, repeated, outOfOrder, formatMs(repairMs)]
  }))
)
const versions = await Promise.all(['socket.io', '@socket.io/redis-adapter', '@socket.io/redis-streams-adapter', 'ioredis'].map(versionOf))
await mkdir('docs', { recursive: true })
await writeFile(FILE, `# Under faults: Roomcast and stock Socket.IO side by side

Written by \`npm run chaos:peers\`; no number was typed by hand. The run of ${new Date().toISOString().slice(0, 10)}, with ${versions.join(', ')}, Node ${process.version}.

Three instances, nine stock clients, one real Redis with an append-only file, two writers that repeat an update until it is answered 2xx. The same faults and counts for all; the clients of Roomcast are unmodified and only subscribe in their \`connect\` handler, or give the position they have kept as \`since\` (\`client with since\`). The servers of Socket.IO are set up as the documentation of each adapter says, the streams adapter with connection state recovery.

- **updates**: answered 2xx. The other counts are over all nine clients, so one lost update can count nine times.
- **lost**: never seen by a client that was not told either.
- **told**: missed, but the client learnt that it has to load the state anew (\`recovered: false\`, also of the socket).
- **time to repair**: from the end of the fault until every client has an update that was published after it.

${table}
`)
console.log(`\n${table}\n\nwritten to ${FILE}`)
process.exit(0)
