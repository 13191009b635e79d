// A Redis Cluster of six to break, with a proxy before each server.
import calculateSlot from 'cluster-key-slot'
import { eventually } from '../../test/helpers/eventually.ts'
import { HOST } from '../../test/helpers/ports.ts'
import { startProxy, type Proxy } from '../../test/helpers/proxy.ts'
import type { RedisServer } from '../../test/helpers/redis.ts'
import { startRedisCluster, type RedisCluster } from '../../test/helpers/redis-cluster.ts'
import type { Scope } from '../../test/helpers/scope.ts'
import { ROOM } from './roomcast.ts'
import type { Service } from './service.ts'
import { populate, type World } from './world.ts'

const INSTANCES = 3
/** A master that is silent for this long is replaced. */
const NODE_TIMEOUT_MS = 1000
const SLOT = calculateSlot(`${ROOM.workspaceId}/${ROOM.appId}`)

export interface ClusterWorld extends World {
  cluster: RedisCluster
  /** The slot of the room. */
  slot: number
  proxyOf (server: RedisServer): Proxy
  /** The master of the room. */
  home (): Promise<RedisServer>
  /** The other masters. */
  others (): Promise<RedisServer[]>
}

export async function createClusterWorld (scope: Scope, service: Service): Promise<ClusterWorld> {
  const cluster = await startRedisCluster(scope)
  const proxies = new Map<RedisServer, Proxy>()
  for (const server of cluster.servers) {
    const proxy = await startProxy(scope, server.port)
    proxies.set(server, proxy)
    await cluster.clientOf(server).config('SET', 'cluster-announce-ip', HOST)
    await cluster.clientOf(server).config('SET', 'cluster-announce-port', String(proxy.port))
  }
  await cluster.whole()
  const addresses = [...proxies.values()].map(({ port }) => `${HOST}:${port}`).join(',')
  const world = await populate(scope, service, Array.from({ length: INSTANCES }, () => addresses))
  const home = () => eventually(() => cluster.masterOf(SLOT))

  return {
    ...world,
    cluster,
    slot: SLOT,
    proxyOf: server => proxies.get(server) as Proxy,
    home,
    async others () {
      const here = await home()
      return (await cluster.masters()).filter(master => master !== here)
    },
    async mend () {
      await world.mend()
      await cluster.mend()
      await setNodeTimeout(cluster, NODE_TIMEOUT_MS)
    }
  }
}

export async function setNodeTimeout ({ servers, clientOf }: RedisCluster, ms: number): Promise<void> {
  for (const server of servers) await clientOf(server).config('SET', 'cluster-node-timeout', String(ms))
}
