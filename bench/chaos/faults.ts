// The faults of the harness. Each is started, lasts a while, and is undone.
import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import type { Random } from '../../test/helpers/random.ts'
import type { Node, RedisWorld, World } from './world.ts'

export interface Fault<W extends World = RedisWorld> {
  name: string
  /** Set if the history is lost for good, so that clients must be told. */
  mayTell?: boolean
  /** Resolves when the fault is undone. The time to repair counts from then on. */
  run: (world: W, random: Random) => Promise<void>
}

const one = <N extends Node>({ nodes }: World<N>, random: Random) => nodes[random.below(nodes.length)] as N

export async function every (intervalMs: number, times: number, act: () => Promise<unknown>): Promise<void> {
  for (let i = 0; i < times; i++) {
    await act()
    await pause(intervalMs)
  }
}

const kill = (world: RedisWorld, type: string) => world.client.call('CLIENT', 'KILL', 'TYPE', type, 'SKIPME', 'yes')

export const none: Fault<World> = { name: 'none', run: () => pause(3000) }

export const pubsubKilled: Fault = {
  name: 'pub/sub connections killed every 200 ms',
  run: world => every(200, 25, () => kill(world, 'pubsub'))
}

export const redisHangs: Fault = {
  name: 'Redis stopped (SIGSTOP) for 5 s',
  async run ({ redis }) {
    redis.pause()
    await pause(5000)
    redis.resume()
  }
}

export const redisRestarts: Fault = {
  name: 'Redis killed and restarted with its append-only file',
  async run ({ redis }) {
    await redis.stop()
    await pause(1000)
    await redis.restart()
  }
}

export const clientsAway: Fault<World> = {
  name: 'clients of one instance away for 5 s',
  async run (world, random) {
    const { edge } = one(world, random)
    await edge.cut()
    await pause(5000)
    await edge.heal()
  }
}

export const instanceKilled: Fault<World> = {
  name: 'instance killed (SIGKILL), clients move to another',
  async run (world, random) {
    const node = one(world, random)
    const other = world.nodes.find(candidate => candidate !== node) as Node
    node.isUp = false
    node.edge.retarget(other.instance.port)
    await node.instance.kill('SIGKILL')
  }
}

export const faults: Fault[] = [
  none,
  pubsubKilled,
  redisHangs,
  redisRestarts,
  clientsAway,
  instanceKilled,
  {
    name: 'all connections to Redis killed, five times',
    run: world => every(500, 5, async () => {
      await kill(world, 'pubsub')
      await kill(world, 'normal')
    })
  },
  {
    name: 'one instance cut off from Redis for 4 s',
    async run (world, random) {
      const { link } = one(world, random)
      await link.cut()
      await pause(4000)
      await link.heal()
    }
  },
  {
    name: 'one instance behind a black hole for 4 s',
    async run (world, random) {
      const { link } = one(world, random)
      link.blackhole()
      await pause(4000)
      await link.heal()
    }
  },
  {
    name: 'links of one instance half-open',
    async run (world, random) { one(world, random).link.strand() }
  },
  {
    name: 'slow network to Redis (80 ms each way) for 4 s',
    async run (world, random) {
      const { link } = one(world, random)
      link.delay(80)
      await pause(4000)
      await link.heal()
    }
  },
  {
    name: 'all client connections dropped, five times',
    run: world => every(700, 5, async () => { for (const { edge } of world.nodes) edge.dropAll() })
  },
  {
    name: 'one instance stopped (SIGSTOP) for 2 s',
    async run (world, random) {
      const { instance } = one(world, random)
      instance.pause()
      await pause(2000)
      instance.resume()
    }
  },
  {
    name: 'FLUSHALL',
    mayTell: true,
    async run ({ client }) { await client.flushall() }
  },
  {
    name: 'Redis comes back empty',
    mayTell: true,
    async run ({ redis }) {
      await redis.stop()
      await rm(join(redis.dir, 'appendonlydir'), { recursive: true, force: true })
      await redis.restart()
    }
  }
]
