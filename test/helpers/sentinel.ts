// A real master with a replica, watched by real Sentinels, to be failed over.
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Redis } from 'ioredis'
import type { Scope } from './scope.ts'
import { tlsSettings, type Certificates } from './certificates.ts'
import { startChild, untilReady } from './child.ts'
import { eventually } from './eventually.ts'
import { freePort, HOST } from './ports.ts'
import { REDIS_SERVER } from './programs.ts'
import { accessTo, answersAs, redisClient, isMaster, startRedis, temporaryFolder, type RedisServer } from './redis.ts'

export interface SentinelSetup {
  /** The name of the monitored master, for REDIS_SENTINEL_NAME. */
  name: string
  /** Ports of the sentinels. */
  ports: number[]
  /** `host:port,host:port`, for REDIS_SENTINELS. */
  addresses: string
  /** The server that is master at first, and the one that is replica. */
  master: RedisServer
  replica: RedisServer
  /** Where the sentinels say that the master is. */
  masterPort (): Promise<number>
  /** Kills the master ('crash') or asks for a change of roles ('command'); resolves with the new master's port. */
  failover (how?: 'crash' | 'command'): Promise<number>
}

export interface SentinelOptions {
  sentinels?: number
  downAfterMs?: number
  appendonly?: boolean
  /** Asked by master and replica. */
  password?: string
  /** Asked by the Sentinels, of the default user and of one named `watcher`. */
  sentinelPassword?: string
  /** TLS between all of them, and nothing else. */
  certificates?: Certificates
}

export async function startSentinel (t: Scope, options: SentinelOptions = {}): Promise<SentinelSetup> {
  const { sentinels = 3, downAfterMs = 500, appendonly = false, password, sentinelPassword, certificates } = options
  const name = 'main'
  const secrets = { ...password !== undefined && { password }, ...certificates !== undefined && { certificates } }
  const master = await startRedis(t, { appendonly, ...secrets })
  const replica = await startRedis(t, { appendonly, ...secrets, args: ['--replicaof', HOST, String(master.port)] })
  await eventually(async () => (await replica.client().info('replication')).includes('master_link_status:up'), 10_000)

  const config = [
    `sentinel monitor ${name} ${HOST} ${master.port} ${Math.floor(sentinels / 2) + 1}`,
    `sentinel down-after-milliseconds ${name} ${downAfterMs}`,
    `sentinel failover-timeout ${name} 3000`,
    ...password === undefined ? [] : [`sentinel auth-pass ${name} ${password}`]
  ]
  const ports: number[] = []
  for (let i = 0; i < sentinels; i++) ports.push(await launchSentinel(t, config, sentinelPassword, certificates))

  const clientTo = (port: number, secret: string | undefined) => redisClient(t, accessTo({ port, ...secret !== undefined && { password: secret }, ...certificates !== undefined && { certificates } }))
  const clients = ports.map(port => clientTo(port, sentinelPassword))
  await eventually(async () => {
    const views = await Promise.all(clients.map(client => viewOf(client, name)))
    return views.every(view => view.get('num-slaves') === '1' && view.get('num-other-sentinels') === String(sentinels - 1))
  }, 20_000)

  async function masterPort (): Promise<number> {
    const views = await Promise.all(clients.map(client => viewOf(client, name)))
    const seen = new Set(views.map(view => Number(view.get('port'))))
    const [port] = seen
    if (port === undefined || seen.size > 1) throw new Error(`the sentinels disagree: ${[...seen].join(', ')}`)
    return port
  }

  async function failover (how: 'crash' | 'command' = 'crash'): Promise<number> {
    const before = await masterPort()
    // Refused until the sentinel has fresh news of the replica.
    if (how === 'command') await eventually(() => clients[0]?.call('SENTINEL', 'FAILOVER', name), 15_000)
    else await (before === master.port ? master : replica).stop()
    return await eventually(async () => {
      const now = await masterPort()
      return now !== before && await isMaster(clientTo(now, password)) && now
    }, 30_000)
  }

  return { name, ports, addresses: ports.map(port => `${HOST}:${port}`).join(','), master, replica, masterPort, failover }
}

async function launchSentinel (t: Scope, config: string[], password?: string, certificates?: Certificates): Promise<number> {
  const port = await freePort()
  const dir = await temporaryFolder(t)
  const file = join(dir, 'sentinel.conf')
  const ports = certificates === undefined ? [`port ${port}`] : ['port 0', `tls-port ${port}`, ...tlsSettings(certificates).map(pair => pair.join(' '))]
  const users = password === undefined ? [] : [`requirepass ${password}`, `user watcher on >${password} allchannels +@all`]
  await writeFile(file, [...ports, ...users, `bind ${HOST}`, `dir ${dir}`, ...config, ''].join('\n'))
  const child = await startChild(t, REDIS_SERVER, [file, '--sentinel'])
  await untilReady(child, 'Sentinel', () => answersAs(accessTo({ port, ...password !== undefined && { password }, ...certificates !== undefined && { certificates } }), child.pid))
  return port
}

async function viewOf (sentinel: Redis, name: string): Promise<Map<string, string>> {
  const reply = await sentinel.call('SENTINEL', 'MASTER', name)
  const pairs = Array.isArray(reply) ? reply.map(String) : Object.entries(Object(reply)).flat().map(String)
  return new Map(pairs.flatMap((key, i) => i % 2 === 0 ? [[key, pairs[i + 1] ?? '']] : []))
}
