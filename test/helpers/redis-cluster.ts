// A real Redis Cluster of masters and their replicas, to be failed over, stopped and resharded.
import { setTimeout as pause } from 'node:timers/promises'
import type { Redis } from 'ioredis'
import { readMasters, type Master } from '../../services/broker/redis-topology.ts'
import type { Certificates } from './certificates.ts'
import type { Scope } from './scope.ts'
import { eventually } from './eventually.ts'
import { freePort, HOST } from './ports.ts'
import { startRedis, type RedisServer } from './redis.ts'

const SLOTS = 16_384
const MASTERS = 3
/** Ten seconds of an idle machine. */
const WHOLE_WITHIN_MS = 30_000

export interface ClusterOptions {
  /** Of each master. Default: 1. */
  replicas?: number
  /** Further command line arguments of each server. */
  args?: string[]
  /** Asked of everyone. */
  password?: string
  /** TLS, also among the servers. */
  certificates?: Certificates
}

export interface RedisCluster {
  servers: RedisServer[]
  /** As REDIS_CLUSTER wants it. */
  addresses: string
  /** A client of the server for the test itself. */
  clientOf (server: RedisServer): Redis
  masters (): Promise<RedisServer[]>
  masterOf (slot: number): Promise<RedisServer>
  /** One that follows this master. */
  replicaOf (master: RedisServer): Promise<RedisServer>
  /** Moves a slot with all its keys, as `redis-cli --cluster reshard` does. @param heldMs how long it is in transit before its keys move */
  migrate (slot: number, to: RedisServer, heldMs?: number): Promise<void>
  /** Every slot is served, and every server that runs knows by whom; each master has its replica again. */
  whole (): Promise<void>
  /** Restarts servers that were stopped, and waits until the cluster is whole. */
  mend (): Promise<void>
}

export async function startRedisCluster (t: Scope, { replicas = 1, args = [], ...access }: ClusterOptions = {}): Promise<RedisCluster> {
  const busPorts = await Promise.all(Array.from({ length: MASTERS * (1 + replicas) }, () => freePort()))
  const servers = await Promise.all(busPorts.map(busPort => startRedis(t, {
    ...access,
    args: [
      ...access.certificates === undefined ? [] : ['--tls-cluster', 'yes'],
      '--cluster-enabled', 'yes',
      '--cluster-port', String(busPort),
      '--cluster-node-timeout', '1000',
      // The other shards go on without the one that is gone.
      '--cluster-require-full-coverage', 'no',
      '--cluster-replica-validity-factor', '0',
      '--repl-diskless-sync-delay', '0',
      ...args
    ]
  })))
  const clients = new Map(servers.map(server => [server, server.client()]))
  const clientOf = (server: RedisServer) => clients.get(server) as Redis
  const stopped = (server: RedisServer) => clientOf(server).status !== 'ready'
  const auth = access.password === undefined ? [] : ['AUTH', access.password]
  const ids = new Map<RedisServer, string>()
  for (const server of servers) ids.set(server, String(await clientOf(server).call('CLUSTER', 'MYID')))
  const idOf = (server: RedisServer) => ids.get(server) as string

  async function view (server: RedisServer): Promise<Master[]> {
    return readMasters(await clientOf(server).call('CLUSTER', 'SHARDS'), HOST, access.certificates !== undefined)
  }

  /** As those tell that can be asked. */
  async function current (): Promise<Master[]> {
    for (const server of servers) {
      if (stopped(server)) continue
      const masters = await Promise.race([view(server), new Promise<undefined>(resolve => setTimeout(resolve, 300, undefined))])
      if (masters !== undefined) return masters
    }
    throw new Error('no node of the cluster tells anything')
  }

  async function masters (): Promise<RedisServer[]> {
    return (await current()).filter(({ slots }) => slots.length > 0).map(({ id }) => servers.find(server => idOf(server) === id) as RedisServer)
  }

  async function masterOf (slot: number): Promise<RedisServer> {
    const master = (await current()).find(({ slots }) => slots.some(([first, last]) => slot >= first && slot <= last))
    return servers.find(server => idOf(server) === master?.id) as RedisServer
  }

  async function replicaOf (master: RedisServer): Promise<RedisServer> {
    return await eventually(async () => {
      const told = await clientOf(master).call('CLUSTER', 'REPLICAS', idOf(master)) as string[]
      return servers.find(server => told.some(line => line.startsWith(idOf(server))) && !stopped(server))
    })
  }

  async function isWhole (): Promise<boolean> {
    const views = await Promise.all(servers.map(view))
    const seen = new Set(views.map(masters => JSON.stringify(masters.map(({ id, slots }) => [id, slots]).sort())))
    const served = views[0]?.flatMap(({ slots }) => slots).reduce((sum, [first, last]) => sum + last - first + 1, 0)
    const states = await Promise.all(servers.map(async server => String(await clientOf(server).call('CLUSTER', 'INFO'))))
    if (seen.size !== 1 || served !== SLOTS || !states.every(state => state.includes('cluster_state:ok'))) return false
    const infos = await Promise.all(servers.map(server => clientOf(server).info('replication')))
    return infos.every(info => info.includes('role:master') ? replicas === 0 || !info.includes('connected_slaves:0') : info.includes('master_link_status:up'))
  }

  async function meet (): Promise<void> {
    const [first] = servers as [RedisServer]
    await Promise.all(servers.map((server, i) => clientOf(server).call('CLUSTER', 'SET-CONFIG-EPOCH', i + 1)))
    const size = Math.ceil(SLOTS / MASTERS)
    for (let i = 0; i < MASTERS; i++) await clientOf(servers[i] as RedisServer).call('CLUSTER', 'ADDSLOTSRANGE', i * size, Math.min(SLOTS, (i + 1) * size) - 1)
    for (const server of servers) if (server !== first) await clientOf(server).call('CLUSTER', 'MEET', HOST, first.port, busPorts[0] as number)
    for (const [i, server] of servers.entries()) {
      if (i < MASTERS) continue
      await eventually(() => clientOf(server).call('CLUSTER', 'REPLICATE', idOf(servers[i % MASTERS] as RedisServer)), WHOLE_WITHIN_MS)
    }
    await eventually(isWhole, WHOLE_WITHIN_MS)
  }

  async function migrate (slot: number, to: RedisServer, heldMs = 0): Promise<void> {
    const from = await masterOf(slot)
    await clientOf(to).call('CLUSTER', 'SETSLOT', slot, 'IMPORTING', idOf(from))
    await clientOf(from).call('CLUSTER', 'SETSLOT', slot, 'MIGRATING', idOf(to))
    await pause(heldMs)
    for (;;) {
      const keys = await clientOf(from).call('CLUSTER', 'GETKEYSINSLOT', slot, 10) as string[]
      if (keys.length === 0) break
      await clientOf(from).call('MIGRATE', HOST, to.port, '', 0, 5000, ...auth, 'KEYS', ...keys)
    }
    await clientOf(to).call('CLUSTER', 'SETSLOT', slot, 'NODE', idOf(to))
    // The others are told too, as redis-cli does: else they learn it a moment later.
    for (const master of [from, ...(await masters()).filter(server => server !== from && server !== to)]) {
      await clientOf(master).call('CLUSTER', 'SETSLOT', slot, 'NODE', idOf(to))
    }
    // A next move before all know this one can leave the slot without a master.
    await eventually(async () => new Set(await Promise.all((await masters()).map(master => epochOf(to, master)))).size === 1)
  }

  /** The configuration epoch of a server, as another one knows it. */
  async function epochOf (server: RedisServer, teller: RedisServer): Promise<string | undefined> {
    const lines = String(await clientOf(teller).call('CLUSTER', 'NODES')).split('\n')
    return lines.find(line => line.startsWith(idOf(server)))?.split(' ')[6]
  }

  async function whole (): Promise<void> {
    await eventually(isWhole, WHOLE_WITHIN_MS)
  }

  async function mend (): Promise<void> {
    for (const server of servers) if (stopped(server)) await server.restart()
    await whole()
  }

  await meet()
  return {
    servers,
    addresses: servers.slice(0, MASTERS).map(({ port }) => `${HOST}:${port}`).join(','),
    clientOf,
    masters,
    masterOf,
    replicaOf,
    migrate,
    whole,
    mend
  }
}
