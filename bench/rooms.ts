// Many rooms on one instance: what they cost while nothing happens, how fast they are all heard again after a restart of
// Redis, and that rooms that open and close leave nothing behind.
import { setTimeout as pause } from 'node:timers/promises'
import type { Redis } from 'ioredis'
import { startInstance, type Instance } from '../test/helpers/instance.ts'
import { metric } from '../test/helpers/metric.ts'
import { freePort } from '../test/helpers/ports.ts'
import { startRedis } from '../test/helpers/redis.ts'
import { token } from '../test/helpers/token.ts'
import { createScope } from './chaos/scope.ts'
import type { LoadRoom } from './load/dialects.ts'
import { openSession, subscribe, unsubscribe, type Session } from './load/session.ts'
import { collectGarbage, INSIDE } from './measure/look-inside.ts'
import { processorMicroseconds, residentKib } from './measure/processor.ts'
import { until } from './measure/until.ts'
import { WIDE_LIMITS } from './peers/peers.ts'

export const MANY_ROOMS = 20_000
const ROOMS_PER_SOCKET = 100
const CHURN_A_SECOND = 500
const CHURN_SECONDS = 10
/** As it comes it is 10 s; what is measured is what stays after it. */
const LINGER_MS = 2000
const REDIS_AWAY_MS = 2000
const IDLE_MS = 20_000
const LIMIT_MS = 90_000

export interface RoomsResult {
  rooms: number
  kibPerRoom: number
  /** In milliseconds of processor a second, while nothing happens. */
  idle: { instance: number, redis: number }
  /** How long it takes to compare all rooms with Redis once. */
  roundSeconds: number
  /** Since Redis was started again; it reads its file first. */
  subscribedSeconds: number
  checkedSeconds: number
  churn: Churn
}

export interface Churn {
  aSecond: number
  opened: number
  /** Of an instance, in milliseconds of processor a second. */
  instance: number
  roomsLeft: number
  channelsLeft: number
  keysForEver: number
  memoryKib: number
}

interface Target {
  instance: Instance
  insidePort: number
  redis: Redis
}

export async function measureRooms (rooms: number): Promise<RoomsResult> {
  const scope = createScope()
  try {
    const server = await startRedis(scope, { appendonly: true })
    const redis = server.client()
    const insidePort = await freePort()
    const instance = await startInstance(scope, { ...WIDE_LIMITS, REDIS_URL: server.url, ROOM_LINGER_MS: String(LINGER_MS), NODE_OPTIONS: INSIDE.args.join(' '), ...INSIDE.env(insidePort) })
    await instance.ready()
    const target: Target = { instance, insidePort, redis }
    const follow = token({ sub: 'rooms', capabilities: { '*/*': ['subscribe'] } })
    const sessions = await Promise.all(Array.from({ length: Math.ceil(rooms / ROOMS_PER_SOCKET) }, () => openSession({ port: instance.port, token: follow })))
    scope.teardown(() => { for (const session of sessions) session.close() })

    const memoryBefore = await memoryKib(target)
    for (let i = 0; i < rooms; i += sessions.length) {
      await Promise.all(sessions.slice(0, rooms - i).map(session => subscribe(session, roomOf('kept', i + sessions.indexOf(session)))))
    }
    const kibPerRoom = (await memoryKib(target) - memoryBefore) / rooms

    // The first round began before all rooms were there; and nobody asks while nothing is to happen.
    await nextRound(instance)
    const idleSince = usage(target, server.pid)
    await pause(IDLE_MS)
    const idle = idleSince()
    const roundSeconds = await nextRound(instance)

    await server.stop()
    await pause(REDIS_AWAY_MS)
    const startedAt = performance.now()
    const checking = nextRound(instance)
    await server.restart()
    await until(async () => await channels(redis) >= rooms, LIMIT_MS)
    const subscribedSeconds = (performance.now() - startedAt) / 1000
    await checking
    const checkedSeconds = (performance.now() - startedAt) / 1000

    return { rooms, kibPerRoom, idle, roundSeconds, subscribedSeconds, checkedSeconds, churn: await measureChurn(target, server.pid, sessions) }
  } catch (error) {
    scope.fail()
    throw error
  } finally {
    await scope.close()
  }
}

/** Rooms that nobody was in before open and close at once, so many a second. */
async function measureChurn (target: Target, redisPid: number, sessions: Session[]): Promise<Churn> {
  const { instance, redis } = target
  const opened = CHURN_A_SECOND * CHURN_SECONDS
  const before = { rooms: await metric(instance.url, 'roomcast_rooms'), channels: await channels(redis), memory: await memoryKib(target) }
  const since = usage(target, redisPid)
  const startedAt = performance.now()
  const underWay: Array<Promise<void>> = []
  while (underWay.length < opened) {
    const due = Math.min(opened, Math.ceil((performance.now() - startedAt) / 1000 * CHURN_A_SECOND))
    while (underWay.length < due) underWay.push(visit(sessions[underWay.length % sessions.length] as Session, roomOf('brief', underWay.length)))
    await pause(2)
  }
  await Promise.all(underWay)
  const used = since()
  // What is left then is left for good.
  await until(async () => await metric(instance.url, 'roomcast_rooms') <= before.rooms, LINGER_MS * 5)
  return {
    aSecond: CHURN_A_SECOND,
    opened,
    instance: used.instance,
    roomsLeft: await metric(instance.url, 'roomcast_rooms') - before.rooms,
    channelsLeft: await channels(redis) - before.channels,
    keysForEver: await keysForEver(redis, 'brief'),
    memoryKib: await memoryKib(target) - before.memory
  }
}

async function visit (session: Session, room: LoadRoom): Promise<void> {
  await subscribe(session, room)
  await unsubscribe(session, room)
}

function roomOf (workspaceId: string, i: number): LoadRoom {
  return { workspaceId, appId: `app-${i}` }
}

/** Until all rooms have been compared once more; in seconds, how long that took. */
async function nextRound ({ url }: Instance): Promise<number> {
  const read = () => metric(url, 'roomcast_position_round_seconds')
  const before = await read()
  await until(async () => await read() !== before, LIMIT_MS)
  return await read()
}

/** Call what it returns for milliseconds of processor a second since. */
function usage ({ instance }: Target, redisPid: number): () => RoomsResult['idle'] {
  const read = () => ({ at: performance.now(), instance: processorMicroseconds(instance.pid), redis: processorMicroseconds(redisPid) })
  const before = read()
  return () => {
    const now = read()
    return { instance: (now.instance - before.instance) / (now.at - before.at), redis: (now.redis - before.redis) / (now.at - before.at) }
  }
}

async function memoryKib ({ instance, insidePort }: Target): Promise<number> {
  await collectGarbage(insidePort)
  return residentKib(instance.pid)
}

/** Of all connections, sharded ones or not. */
async function channels (redis: Redis): Promise<number> {
  const list = await redis.client('LIST') as string
  return [...list.matchAll(/ s?sub=(\d+)/g)].reduce((sum, [, count]) => sum + Number(count), 0)
}

async function keysForEver (redis: Redis, workspaceId: string): Promise<number> {
  let count = 0
  for await (const keys of redis.scanStream({ match: `*{${workspaceId}/*`, count: 1000 }) as AsyncIterable<string[]>) {
    const lives = await Promise.all(keys.map(key => redis.pttl(key)))
    count += lives.filter(life => life === -1).length
  }
  return count
}
