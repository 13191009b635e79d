// `npm run bench`: measures, and writes docs/benchmarks.md from the run itself.
import { writeFile } from 'node:fs/promises'
import { cpus } from 'node:os'
import { roomcast } from './chaos/roomcast.ts'
import { formatTable } from './chaos/table.ts'
import type { Service } from './chaos/service.ts'
import { measureFanout, type FanoutCost } from './fanout.ts'
import { socketIo } from './peers/socket-io.ts'
import { measureTracing, median } from './tracing.ts'

const FILE = 'docs/benchmarks.md'
const ROUNDS = 3
const FEW = 2
const MANY = 100

interface Cost extends FanoutCost {
  publishMicroseconds: number
  deliveryMicroseconds: number
}

const services = [roomcast, socketIo('pubsub'), socketIo('streams')]
const costs: Cost[][] = services.map(() => [])
for (let round = 0; round < ROUNDS; round++) {
  for (const [i, service] of services.entries()) costs[i]?.push(await measure(service))
}
const { plainMicroseconds, tracedMicroseconds } = await measureTracing()

/** A small room and a large one: what grows with the clients is the delivery, the rest is the publish. */
async function measure (service: Service): Promise<Cost> {
  const small = await measureFanout(service, FEW)
  const large = await measureFanout(service, MANY)
  const deliveryMicroseconds = (large.serverMicroseconds - small.serverMicroseconds) / (MANY - FEW)
  return { ...large, deliveryMicroseconds, publishMicroseconds: small.serverMicroseconds - FEW * deliveryMicroseconds }
}

function row (name: string, i: number): Array<string | number> {
  const of = (pick: (cost: Cost) => number) => median((costs[i] as Cost[]).map(pick))
  /** Within each round: the speed of a machine changes from one to the next. */
  const ratio = (pick: (cost: Cost) => number) => median((costs[i] as Cost[]).map((cost, round) => pick(cost) / pick(costs[0]?.[round] as Cost)))
  const time = (pick: (cost: Cost) => number) => `${of(pick).toFixed(0)} µs (${ratio(pick).toFixed(2)})`
  return [
    name,
    Math.round(of(cost => cost.deliveriesPerSecond)),
    `${of(cost => cost.medianMs).toFixed(0)} ms`,
    `${of(cost => cost.p99Ms).toFixed(0)} ms`,
    time(cost => cost.publishMicroseconds),
    time(cost => cost.deliveryMicroseconds),
    time(cost => cost.serverMicroseconds)
  ]
}

const fanout = formatTable(
  ['service', 'deliveries a second', 'median', '99 of 100 within', 'server time: a publish', 'a delivery', `an update to ${MANY} clients`],
  services.map(({ name }, i) => row(name, i))
)

await writeFile(FILE, `# Benchmarks

Written by \`npm run bench\`; no number here was typed by hand. The run of ${new Date().toISOString().slice(0, 10)}, Node ${process.version}, ${cpus().length} processors, which clients, servers and Redis share: compare the rows, not the numbers with those of another machine.

## A delivery

One room, ${MANY} clients over two instances, one Redis, updates from eight publishers over HTTP, as fast as they are answered, after a warm-up. The median of ${ROUNDS} rounds. Server time is that of both instances' processors together, split into what a publish costs by itself and what each delivery adds, by a second run with ${FEW} clients; in brackets, as a ratio to Roomcast in the same round.

${fanout}

A publish costs Roomcast more, since it does more: it verifies a token, checks a schema and a rate, gives an offset, keeps history and remembers the id in one script at Redis. Stock Socket.IO with its Redis adapter does none of that behind a bare HTTP server; with the Streams adapter it keeps history. What a room multiplies is the delivery.

## Tracing that is off

A publish through the embedded broker takes ${plainMicroseconds.toFixed(2)} µs without our tracing around it, and ${tracedMicroseconds.toFixed(2)} µs with it while no SDK is started: ${((tracedMicroseconds / plainMicroseconds - 1) * 100).toFixed(0)} % more.
`)
console.log(`${fanout}\n\nwritten to ${FILE}`)
process.exit(0)
