// The faults of a Redis Cluster. Those of the room's own master may cost its past; all others must not be noticed.
import { setTimeout as pause } from 'node:timers/promises'
import { eventually } from '../../test/helpers/eventually.ts'
import type { Random } from '../../test/helpers/random.ts'
import type { RedisServer } from '../../test/helpers/redis.ts'
import { setNodeTimeout, type ClusterWorld } from './cluster-world.ts'
import { clientsAway, every, instanceKilled, none, type Fault } from './faults.ts'

/** Longer than a master is stopped. */
const PATIENT_MS = 60_000
const FAILOVER_LIMIT_MS = 15_000

const oneOf = <T>(list: T[], random: Random) => list[random.below(list.length)] as T

async function kill ({ cluster }: ClusterWorld, type: string): Promise<void> {
  await Promise.all((await cluster.masters()).map(master => cluster.clientOf(master).call('CLIENT', 'KILL', 'TYPE', type, 'SKIPME', 'yes')))
}

/** Kills a master, and waits until its replica has taken over. */
async function killMaster ({ cluster }: ClusterWorld, master: RedisServer): Promise<void> {
  await master.stop()
  await isReplaced(cluster, master)
}

async function isReplaced (cluster: ClusterWorld['cluster'], master: RedisServer): Promise<void> {
  await eventually(async () => {
    const masters = await cluster.masters()
    return masters.length === 3 && !masters.includes(master)
  }, FAILOVER_LIMIT_MS)
}

async function stop (master: RedisServer, ms: number): Promise<void> {
  master.pause()
  await pause(ms)
  master.resume()
}

/** Moves the room's slot to another master. @param heldMs how long its keys are on the way */
async function move (world: ClusterWorld, random: Random, heldMs = 0): Promise<void> {
  const to = oneOf(await world.others(), random)
  await world.cluster.migrate(world.slot, to, heldMs)
}

export const clusterFaults: Array<Fault<ClusterWorld>> = [
  none,
  clientsAway,
  instanceKilled,
  {
    name: 'pub/sub connections killed every 200 ms',
    run: world => every(200, 25, () => kill(world, 'pubsub'))
  },
  {
    name: 'all connections to Redis killed, five times',
    run: world => every(500, 5, async () => {
      await kill(world, 'pubsub')
      await kill(world, 'normal')
    })
  },
  {
    name: 'master of the room killed (SIGKILL), its replica promoted',
    mayTell: true,
    run: async world => await killMaster(world, await world.home())
  },
  {
    name: 'another master killed (SIGKILL), its replica promoted',
    run: async (world, random) => await killMaster(world, oneOf(await world.others(), random))
  },
  {
    name: 'CLUSTER FAILOVER of the master of the room',
    mayTell: true,
    async run (world) {
      const [{ cluster }, master] = [world, await world.home()]
      const replica = await cluster.replicaOf(master)
      await eventually(() => cluster.clientOf(replica).call('CLUSTER', 'FAILOVER'))
      await isReplaced(cluster, master)
    }
  },
  {
    name: 'slot of the room moved six times',
    run: (world, random) => every(300, 6, () => move(world, random))
  },
  {
    name: 'slot of the room on its way for 3 s',
    run: (world, random) => move(world, random, 3000)
  },
  {
    name: 'master of the room stopped (SIGSTOP) for 5 s, not replaced',
    async run (world) {
      await setNodeTimeout(world.cluster, PATIENT_MS)
      await stop(await world.home(), 5000)
    }
  },
  {
    name: 'master of the room stopped (SIGSTOP) for 5 s, its replica promoted',
    mayTell: true,
    run: async world => await stop(await world.home(), 5000)
  },
  {
    name: 'links to the master of the room half-open',
    run: async world => { world.proxyOf(await world.home()).strand() }
  }
]
