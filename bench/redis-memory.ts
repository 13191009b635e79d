// What Redis keeps of a room and of an update, and what an instance takes that has neither.
import { setTimeout as pause } from 'node:timers/promises'
import { startRedis } from '../test/helpers/redis.ts'
import { createScope } from './chaos/scope.ts'
import { runLoad } from './load/spec.ts'
import { processorMicroseconds, residentKib } from './measure/processor.ts'
import { peerOf, ROOMCAST } from './peers/peers.ts'

const ROOMS = 1000
const SETTLE_MS = 2000
const STAND_MS = 5000
const MORE_UPDATES = 20

export interface RedisMemoryResult {
  /** With its first update. */
  kibPerRoom: number
  kibPerUpdate: number
  /** Resident, of an instance that has just started. */
  instanceKib: number
  /** In milliseconds of processor a second, while there is nothing to do: the instance, and Redis for it. */
  standing: { instance: number, redis: number }
}

export async function measureRedisMemory (): Promise<RedisMemoryResult> {
  const scope = createScope()
  try {
    const redis = await startRedis(scope)
    const client = redis.client()
    const server = await peerOf(ROOMCAST).launch(scope, redis.url)
    const instanceKib = residentKib(server.pid)
    await pause(SETTLE_MS)
    const standing = await stand(server.pid, redis.pid)
    const usedKib = async () => Number(/used_memory:(\d+)/.exec(await client.info('memory'))?.[1]) / 1024
    const publish = (publishes: number) => runLoad(scope, {
      peer: ROOMCAST,
      servers: [server],
      redisPid: redis.pid,
      load: { instances: 1, rooms: ROOMS, members: 0, place: 'first', connections: 16, settleMs: 0, phases: [{ name: 'full', publishes, window: 16 }] }
    })
    const before = await usedKib()
    await publish(ROOMS)
    const afterFirst = await usedKib()
    await publish(ROOMS * MORE_UPDATES)
    const afterAll = await usedKib()
    return { kibPerRoom: (afterFirst - before) / ROOMS, kibPerUpdate: (afterAll - afterFirst) / (ROOMS * MORE_UPDATES), instanceKib, standing }
  } catch (error) {
    scope.fail()
    throw error
  } finally {
    await scope.close()
  }
}

async function stand (instancePid: number, redisPid: number): Promise<RedisMemoryResult['standing']> {
  const read = () => [processorMicroseconds(instancePid), processorMicroseconds(redisPid)] as const
  const before = read()
  await pause(STAND_MS)
  const after = read()
  return { instance: (after[0] - before[0]) / STAND_MS, redis: (after[1] - before[1]) / STAND_MS }
}
