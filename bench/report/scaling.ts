// docs/scaling.md: unit costs, the model's answers, and how far they are from what was measured.
import { formatTable } from '../chaos/table.ts'
import { ROOMCAST } from '../peers/peers.ts'
import { CHECKS } from '../scaling/checks.ts'
import { load, PLANNED, sizeFor, TRAFFIC, type Size } from '../scaling/model.ts'
import type { Units } from '../scaling/units.ts'
import { formatNumber } from './format.ts'
import { valueOf, type Results } from './results.ts'
import { breaking } from './scaling-steps.ts'

const STEPS = [10_000, 1_000_000, 10_000_000]

export function scalingPage (results: Results, units: Units): string {
  const sizes = STEPS.map(connections => sizeFor(units, connections))
  return `# Scaling: how many instances, shards and how much memory

Written by \`npm run bench\` from [what the runs have found](benchmarks/results.json), as [benchmarks.md](benchmarks.md) is; the numbers are those of that machine, and other machines differ by a factor. Measure on yours (\`npm run bench\`, then \`npm run bench -- --only rooms,big-room,stampede\`), and this page is about yours.

## What one of each costs

Processor time in microseconds, memory in KiB.

${unitTable(units)}

## The traffic

Every connection is in one room of ${TRAFFIC.membersOfARoom}; each room has an update of 200 bytes every ${TRAFFIC.updateEverySeconds} seconds; a connection lasts ${TRAFFIC.sessionSeconds / 60} minutes and comes again; presence is on. History keeps ${TRAFFIC.historySeconds / 60} minutes. At worst every member of a room is on another instance, and that is what is counted. ${PLANNED * 100} % of a core and of \`MAX_SOCKETS\` are planned with, one instance is to spare.

    instances = publishes × (publish + instances that hear it × hear + further deliveries × delivery)
                + instances × standing + connections × heartbeat + rooms followed × idle room
                + connections that come × (join + 2 × presence change)
    Redis     = publishes × publish at Redis + instances × standing at Redis + rooms followed × idle room at Redis

## What it takes

${sizeTable(sizes)}

## Model and measurement

What the instances and Redis use of this machine under steady traffic, without coming and going; no unit is measured in these runs. S8 is the traffic above; the model got its standing costs and heartbeats after two such runs had been seen, so S8 is not independent of it. S9 is traffic of another shape, in larger rooms with more updates: the model had its form before S9 was run for the first time, and was not changed after it.

${checkTable(results, units)}

## What breaks first, and what one does

${sizes.map(breaking).join('\n\n')}
`
}

function unitTable (units: Units): string {
  const row = (what: string, where: string, value: number, unit = 'µs') => [what, where, `${formatNumber(value)} ${unit}`]
  return formatTable(['what', 'where', 'cost'], [
    row('a connection', 'instance', units.connectionKib, 'KiB'),
    row('a connection that comes and subscribes', 'instance', units.join),
    row('a connection', 'nginx', units.nginxConnectionKib, 'KiB'),
    row('a room', 'instance', units.roomKib, 'KiB'),
    row('a room with its first update', 'Redis', units.redisRoomKib, 'KiB'),
    row('an update in history', 'Redis', units.redisUpdateKib, 'KiB'),
    row('standing, a second', 'instance', units.standing),
    row('standing, a second, for each instance', 'Redis', units.standingAtRedis),
    row('the heartbeats of a connection, a second', 'instance', units.heartbeat),
    row('an idle room, a second', 'instance', units.idleRoom),
    row('an idle room, a second', 'Redis', units.idleRoomAtRedis),
    row('a publish', 'instance', units.publish),
    row('a publish that three instances hear', 'Redis', units.publishAtRedis),
    row('to hear an update, with one delivery', 'instance', units.hear),
    row('a delivery', 'instance', units.delivery),
    row('a delivery', 'nginx', units.nginxDelivery),
    row('a presence change, with its SUBSCRIBE', 'all instances', units.presenceChange),
    row('a process that does nothing', 'instance', units.instanceKib / 1024, 'MiB')
  ])
}

function sizeTable (sizes: Size[]): string {
  const row = (what: string, show: (size: Size) => string) => [what, ...sizes.map(show)]
  const share = (value: number) => `${formatNumber(value * 100)} % of a core`
  const gib = (value: number) => `${formatNumber(value)} GiB`
  return formatTable(['', ...sizes.map(({ connections }) => `${formatNumber(connections)} connections`)], [
    row('updates a second', size => formatNumber(size.publishesASecond)),
    row('deliveries a second', size => formatNumber(size.deliveriesASecond)),
    row('instances', size => formatNumber(size.instances)),
    row('their number is set by', size => ({ spare: 'the loss of one', sockets: 'MAX_SOCKETS', processor: 'processor time' })[size.boundBy]),
    row('each of them uses', size => share(size.instanceShare)),
    row('memory of each', size => gib(size.instanceGib)),
    row('shards of Redis', size => formatNumber(size.shards)),
    row('each of them uses', size => share(size.redisShare)),
    row('memory of all shards', size => gib(size.redisGib)),
    row('cores for nginx', size => formatNumber(size.nginxCores)),
    row('memory for nginx', size => gib(size.nginxGib))
  ])
}

function checkTable (results: Results, units: Units): string {
  const rows = CHECKS.filter(({ name }) => results.scenarios[name] !== undefined).flatMap(({ name, traffic }) => {
    const { connections, instances, membersOfARoom, updateEverySeconds } = traffic
    const predicted = load(units, traffic, false)
    return [['all instances', predicted.instances] as const, ['Redis', predicted.redis] as const].map(([what, expected]) => {
      const measured = valueOf(results, name, what, ROOMCAST)
      const deliveries = formatNumber(connections / updateEverySeconds)
      return [name.slice(0, 2), formatNumber(connections), membersOfARoom, instances, deliveries, what, `${formatNumber(expected)} ms/s`, `${formatNumber(measured)} ms/s`, (expected / measured).toFixed(2)]
    })
  })
  return formatTable(['run', 'connections', 'in rooms of', 'instances', 'deliveries a second', 'what', 'model', 'measured', 'model / measured'], rows)
}
