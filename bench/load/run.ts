// The load of one run: connects members, publishes phase by phase, and prints what came of it. Started by spec.ts.
import { setTimeout as pause } from 'node:timers/promises'
import { collectGarbage } from '../measure/look-inside.ts'
import { processorMicroseconds, residentKib } from '../measure/processor.ts'
import { peerOf } from '../peers/peers.ts'
import { sum, type LoadResult, type Phase, type PhaseResult } from '../scenarios/scenario.ts'
import { joinRoom, type LoadRoom } from './dialects.ts'
import { createPublishers } from './publishers.ts'
import type { LoadSpec } from './spec.ts'
import { createTally, type LoadMember, type PhaseTally } from './tally.ts'

/** So many connect at once. */
const CONNECTING = 32
/** Nothing has come for so long: what is missing is lost. */
const SILENCE_MS = 2000
/** What the servers still do when the last update has come, such as reading their own copy of it. */
const TAIL_MS = 20

const { peer: name, load, servers, redisPid, publishPort = servers[0]?.port ?? 0, workspace = 'w' } = JSON.parse(process.argv[2] ?? '') as LoadSpec
const peer = peerOf(name)
const rooms: LoadRoom[] = Array.from({ length: load.rooms }, (_, i) => ({ workspaceId: `${workspace}${i}`, appId: `a${i}` }))
const members: LoadMember[] = []
const publishers = createPublishers(peer, publishPort, load.connections)
let tally: PhaseTally | undefined
let published = 0

async function connectUpTo (count: number): Promise<void> {
  let next = members.length
  await Promise.all(Array.from({ length: CONNECTING }, async () => {
    while (next < count) await connect(next++)
  }))
}

async function connect (i: number): Promise<void> {
  const room = i % rooms.length
  const turn = Math.floor(i / rooms.length)
  const server = { first: servers[0], others: servers[1 + turn % (servers.length - 1)], spread: servers[(turn + room) % servers.length] }[load.place]
  const member: LoadMember = { room, seen: new Uint8Array(), furthest: -1 }
  await joinRoom((server as typeof servers[0]).port, peer.dialect, rooms[room] as LoadRoom, {
    onMessage: (buffer, start, end) => tally?.onMessage(member, buffer, start, end),
    onClose (error) { throw error ?? new Error('the server closed a connection') }
  })
  members.push(member)
}

function usage (): { servers: number[], redis: number } {
  return { servers: servers.map(({ pid }) => processorMicroseconds(pid)), redis: processorMicroseconds(redisPid) }
}

function usedSince (before: ReturnType<typeof usage>): ReturnType<typeof usage> {
  const now = usage()
  return { servers: now.servers.map((time, i) => time - (before.servers[i] as number)), redis: now.redis - before.redis }
}

async function memoryKib (): Promise<number> {
  for (const { insidePort } of servers) await collectGarbage(insidePort)
  return sum(servers.map(({ pid }) => residentKib(pid)))
}

async function standStill (ms: number): Promise<NonNullable<LoadResult['idle']>> {
  const before = usage()
  const startedAt = performance.now()
  await pause(ms)
  const used = usedSince(before)
  const perSecond = (microseconds: number) => microseconds / (performance.now() - startedAt)
  return { instances: used.servers.map(perSecond), redis: perSecond(used.redis) }
}

async function runPhase ({ name, publishes, rate, window = 1 }: Phase): Promise<PhaseResult> {
  const counted = tally = createTally(members, rooms.length, published, publishes)
  const first = published
  published += publishes
  const before = usage()
  const startedAt = performance.now()

  async function publishNext (): Promise<void> {
    const n = counted.next()
    await publishers.publish(rooms[(n - first) % rooms.length] as LoadRoom, n)
    counted.answered(n)
  }

  async function publishPaced (rate: number): Promise<void> {
    const underWay: Array<Promise<void>> = []
    while (underWay.length < publishes) {
      const due = Math.min(publishes, Math.floor((performance.now() - startedAt) / 1000 * rate) + 1)
      while (underWay.length < due) underWay.push(publishNext())
      await pause(1)
    }
    await Promise.all(underWay)
  }

  if (rate !== undefined) await publishPaced(rate)
  else await Promise.all(Array.from({ length: window }, async () => { while (counted.hasNext()) await publishNext() }))

  const publishedAt = performance.now()
  while (!counted.isComplete() && performance.now() - Math.max(publishedAt, counted.lastAt()) < SILENCE_MS) await pause(2)
  const endedAt = Math.max(publishedAt, counted.lastAt())
  await pause(TAIL_MS)
  return { name, publishes, ...counted.counts(), seconds: (endedAt - startedAt) / 1000, ...usedSince(before) }
}

const { memoryFrom, idleMs } = load
const result: LoadResult = { joinMicroseconds: NaN, phases: [] }
await connectUpTo(memoryFrom ?? Math.floor(load.members / 2))
const before = memoryFrom === undefined ? 0 : await memoryKib()
const [joined, joining] = [members.length, usage()]
await connectUpTo(load.members)
result.joinMicroseconds = sum(usedSince(joining).servers) / (load.members - joined)
await pause(load.settleMs)
if (memoryFrom !== undefined) result.memory = { kibPerConnection: (await memoryKib() - before) / (load.members - memoryFrom) }
if (idleMs !== undefined) result.idle = await standStill(idleMs)
for (const phase of load.phases) {
  const done = await runPhase(phase)
  if (phase.name !== 'warm') result.phases.push(done)
}
process.stdout.write(`\n${JSON.stringify(result)}`, () => process.exit(0))
