// Three instances behind the nginx that ships, with a Redis that keeps an append-only file, and all the clients in their rooms.
import { setTimeout as pause } from 'node:timers/promises'
import { eventually } from '../../test/helpers/eventually.ts'
import { startInstance, type Instance } from '../../test/helpers/instance.ts'
import { startNginx } from '../../test/helpers/nginx.ts'
import { freePort } from '../../test/helpers/ports.ts'
import { startRedis, type RedisServer } from '../../test/helpers/redis.ts'
import type { Scope } from '../../test/helpers/scope.ts'
import { token } from '../../test/helpers/token.ts'
import type { LoadRoom } from '../load/dialects.ts'
import { INSIDE } from '../measure/look-inside.ts'
import { createFollower, type Follower, type FollowerCounts } from './follower.ts'
import { startWriters, type Writers } from './writers.ts'

const ROOMS = 20
const SETUP_A_SECOND = 800
const SETUP_LIMIT_MS = 60_000
/** What was answered so long ago, every client must have. */
const ON_ITS_WAY_MS = 500
/** Of 127.0.0.0/8, so that nginx sees users behind many addresses. */
const ADDRESSES = 250

export interface StampedeInstance {
  instance: Instance
  insidePort: number
}

export interface World {
  redis: RedisServer
  instances: StampedeInstance[]
  rooms: number
  counts: FollowerCounts
  writers: Writers
  /** Clients in both their rooms, and those among them that have everything, of which something was answered after `newsFrom`. */
  state (newsFrom: number): { back: number, whole: number }
  /** Nothing is published at an instance that is gone. */
  markGone (instance: StampedeInstance): void
}

export async function createWorld (scope: Scope, clients: number, { isKept }: { isKept: boolean }): Promise<World> {
  const redis = await startRedis(scope, { appendonly: isKept })
  const instances: StampedeInstance[] = []
  for (const name of ['a', 'b', 'c']) {
    const insidePort = await freePort()
    const instance = await startInstance(scope, {
      // Limits as they come: that nobody is refused for good is what is to be seen.
      NODE_ENV: 'production', REDIS_URL: redis.url, INSTANCE_NAME: name, TRUST_PROXY: 'loopback', DRAIN_SECONDS: '1', NODE_OPTIONS: INSIDE.args.join(' '), ...INSIDE.env(insidePort)
    })
    await instance.ready()
    instances.push({ instance, insidePort })
  }
  const nginx = await startNginx(scope, instances.map(({ instance }) => instance.port) as [number, number, number])
  const alive = new Set(instances)

  const rooms = Array.from({ length: ROOMS }, (_, i): LoadRoom => ({ workspaceId: `crowd-${i}.`, appId: 'board' }))
  const counts: FollowerCounts = { refused: 0, refusedForGood: 0, told: 0, wrong: 0 }
  const followers: Array<{ follower: Follower, rooms: number[] }> = []
  const port = Number(new URL(nginx.url).port)
  scope.teardown(() => { for (const { follower } of followers) follower.close() })
  const writers = startWriters(rooms, () => [...alive].map(({ instance }) => instance.url))
  scope.teardown(() => writers.stop())

  const startedAt = performance.now()
  while (followers.length < clients) {
    const due = Math.min(clients, Math.ceil((performance.now() - startedAt) / 1000 * SETUP_A_SECOND))
    while (followers.length < due) followers.push(enter(followers.length))
    await pause(5)
  }
  try {
    await eventually(() => state(0).whole === clients, SETUP_LIMIT_MS)
  } catch (error) {
    throw new Error(`of ${clients} clients not all got in: ${JSON.stringify({ ...state(0), ...counts, answered: writers.count() })}`, { cause: error })
  }

  function enter (i: number): typeof followers[0] {
    const own = [i % ROOMS, (i + 1 + Math.floor(i / ROOMS) % (ROOMS - 1)) % ROOMS]
    return {
      rooms: own,
      follower: createFollower({
        port,
        localAddress: `127.0.1.${1 + i % ADDRESSES}`,
        token: token({ sub: `client-${i}`, capabilities: { '*/*': ['subscribe'] } }),
        rooms: own.map(room => rooms[room] as LoadRoom),
        counts
      })
    }
  }

  function state (newsFrom: number): { back: number, whole: number } {
    const due = rooms.map((_, room) => writers.answered(room, performance.now() - ON_ITS_WAY_MS))
    let [back, whole] = [0, 0]
    for (const { follower, rooms: own } of followers) {
      const positions = own.map((_, i) => follower.position(i))
      if (positions.includes(undefined)) continue
      back++
      if (positions.every((position, i) => {
        const wanted = due[own[i] as number]
        return wanted !== undefined && wanted.at >= newsFrom && position?.epoch === wanted.epoch && position.offset >= wanted.offset
      })) whole++
    }
    return { back, whole }
  }

  return { redis, instances, rooms: ROOMS, counts, writers, state, markGone: instance => { alive.delete(instance) } }
}
