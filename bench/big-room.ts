// A big room: what one update to very many members does to the event loops and to other rooms, and what it costs when many
// collaborators come at once.
import { setTimeout as pause } from 'node:timers/promises'
import { metric } from '../test/helpers/metric.ts'
import { startRedis, type RedisServer } from '../test/helpers/redis.ts'
import type { Scope } from '../test/helpers/scope.ts'
import { HOST } from '../test/helpers/ports.ts'
import { token } from '../test/helpers/token.ts'
import { createScope } from './chaos/scope.ts'
import { openSession, subscribe, type Session } from './load/session.ts'
import { runLoad } from './load/spec.ts'
import { askLoop } from './measure/look-inside.ts'
import { openFiles } from './measure/open-files.ts'
import { processorMicroseconds } from './measure/processor.ts'
import { until } from './measure/until.ts'
import type { BenchServer } from './peers/peer.ts'
import { peerOf, ROOMCAST } from './peers/peers.ts'
import { phaseOf, sum, type Load } from './scenarios/scenario.ts'

export const BIG_ROOM = 20_000
const INSTANCES = 4
/** Of the process that holds all members, besides their sockets. */
const OTHER_FILES = 200
const LIMIT_MS = 120_000
/** Long enough for the others to be measured once while nothing goes to the big room. */
const QUIET_MS = 20_000
/** Long enough for the others to be measured twice. */
const BUSY_SECONDS = 36
const OTHERS: Load = {
  instances: INSTANCES,
  rooms: 20,
  members: 80,
  place: 'spread',
  connections: 8,
  settleMs: 500,
  phases: [{ name: 'warm', publishes: 400, window: 8 }, { name: 'paced', publishes: 800, rate: 100 }]
}

/** So many connect, or subscribe, at once while all is set up. */
const AT_ONCE = 50
const CALM_MS = 2000
const COLLABORATORS_SHARE = 0.25
const JOINS_A_SECOND = 500
const JOIN_SECONDS = 4

export interface BigRoomResult {
  members: number
  instances: number
  deliveries: number
  lost: number
  /** To all members, in milliseconds. */
  p99Ms: number
  /** Of the instance that was worst, per update to the big room. */
  longestBlockMs: number
  longestStallMs: number
  othersQuietMs: number
  othersBusyMs: number
  /** On instances without members of the big room: what the machine has to do with it. */
  othersApartMs: number
  presence: {
    collaborators: number
    joinsASecond: number
    /** In milliseconds of processor a second, of the busiest instance: before, and while they join. */
    quiet: number
    joining: number
    /** Presence events to each member, in a second. */
    messagesASecond: number
  }
}

export async function measureBigRoom (wanted: number): Promise<BigRoomResult> {
  const members = Math.min(wanted, await openFiles() - OTHER_FILES)
  const crowd = await inFreshWorld((scope, servers, redis) => measureCrowd(scope, servers, redis, members))
  const presence = await inFreshWorld((scope, servers) => measurePresence(scope, servers, Math.ceil(wanted * COLLABORATORS_SHARE)))
  return { ...crowd, members, instances: INSTANCES, presence }
}

async function inFreshWorld<T> (measure: (scope: Scope, servers: BenchServer[], redis: RedisServer) => Promise<T>): Promise<T> {
  const scope = createScope()
  try {
    const redis = await startRedis(scope)
    const servers = await Promise.all(Array.from({ length: INSTANCES }, () => peerOf(ROOMCAST).launch(scope, redis.url)))
    return await measure(scope, servers, redis)
  } catch (error) {
    scope.fail()
    throw error
  } finally {
    await scope.close()
  }
}

async function measureCrowd (scope: Scope, servers: BenchServer[], redis: RedisServer, members: number): Promise<Omit<BigRoomResult, 'members' | 'instances' | 'presence'>> {
  const measured = { peer: ROOMCAST, servers, redisPid: redis.pid }
  const crowd = runLoad(scope, {
    ...measured,
    workspace: 'big',
    // What many thousand clients need to read an update, they do not take from the instances.
    isYielding: true,
    load: { instances: INSTANCES, rooms: 1, members, place: 'spread', connections: 1, settleMs: QUIET_MS, phases: [{ name: 'paced', publishes: BUSY_SECONDS, rate: 1 }] }
  })
  const apart = await Promise.all(servers.map(() => peerOf(ROOMCAST).launch(scope, redis.url)))
  const others = async (workspace: string, where = servers) => phaseOf(await runLoad(scope, { ...measured, servers: where, workspace, load: OTHERS }), 'paced').p99Ms
  const inUse = async () => sum(await Promise.all(servers.map(({ port }) => metric(`http://${HOST}:${port}`, 'roomcast_subscriptions'))))
  await Promise.race([crowd, until(async () => await inUse() >= members, LIMIT_MS)])
  const quietSince = performance.now()
  const othersQuietMs = await others('quiet')
  await pause(QUIET_MS - (performance.now() - quietSince))

  await Promise.all(servers.map(({ insidePort }) => askLoop(insidePort)))
  const othersBusyMs = await others('busy')
  const loops = await Promise.all(servers.map(({ insidePort }) => askLoop(insidePort)))
  const othersApartMs = await others('apart', apart)
  const { delivered, lost, p99Ms } = phaseOf(await crowd, 'paced')
  return {
    deliveries: delivered,
    lost,
    p99Ms,
    longestBlockMs: Math.max(...loops.map(loop => loop.longestBlockMs)),
    longestStallMs: Math.max(...loops.map(loop => loop.longestMs)),
    othersQuietMs,
    othersBusyMs,
    othersApartMs
  }
}

async function measurePresence (scope: Scope, servers: BenchServer[], collaborators: number): Promise<BigRoomResult['presence']> {
  const room = { workspaceId: 'acme', appId: 'hall' }
  const joins = JOINS_A_SECOND * JOIN_SECONDS
  const all: Session[] = []
  scope.teardown(() => { for (const session of all) session.close() })
  let events = 0
  const connect = async (i: number) => await openSession({
    port: servers[i % servers.length]?.port ?? 0,
    token: token({ sub: `user-${i}`, capabilities: { '*/*': ['subscribe', 'presence'] } }),
    onEvent (text) { if (text.startsWith('["presence"')) events++ }
  })
  // Connected beforehand: only what presence costs is to be seen.
  while (all.length < collaborators + joins) {
    all.push(...await Promise.all(Array.from({ length: Math.min(AT_ONCE, collaborators + joins - all.length) }, (_, i) => connect(all.length + i))))
  }
  const here = all.slice(0, collaborators)
  for (let i = 0; i < here.length; i += AT_ONCE) await Promise.all(here.slice(i, i + AT_ONCE).map(session => subscribe(session, room)))
  await pause(CALM_MS)

  const busiest = async (run: () => Promise<void>) => {
    const before = servers.map(({ pid }) => processorMicroseconds(pid))
    const startedAt = performance.now()
    await run()
    return Math.max(...servers.map(({ pid }, i) => (processorMicroseconds(pid) - (before[i] as number)) / (performance.now() - startedAt)))
  }
  const quiet = await busiest(() => pause(JOIN_SECONDS * 1000))
  events = 0
  const joining = await busiest(async () => {
    const startedAt = performance.now()
    const underWay: Array<Promise<void>> = []
    while (underWay.length < joins) {
      const due = Math.min(joins, Math.ceil((performance.now() - startedAt) / 1000 * JOINS_A_SECOND))
      while (underWay.length < due) underWay.push(subscribe(all[collaborators + underWay.length] as Session, room))
      await pause(2)
    }
    await Promise.all(underWay)
  })
  return { collaborators, joinsASecond: JOINS_A_SECOND, quiet, joining, messagesASecond: events / (collaborators + joins / 2) / JOIN_SECONDS }
}
