// Real Redis servers on free loopback ports, to be killed, stopped, restarted and failed over.
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Redis, type RedisOptions as ClientOptions } from 'ioredis'
import type { Scope } from './scope.ts'
import { startChild, untilReady, type Child } from './child.ts'
import { eventually } from './eventually.ts'
import { freePort, HOST } from './ports.ts'

export interface RedisOptions {
  appendonly?: boolean
  /** Further command line arguments. */
  args?: string[]
  port?: number
  dir?: string
  /** What a client gives, where `args` ask for one. */
  password?: string
}

/** How a client of the test itself gets in. */
type Access = Pick<ClientOptions, 'port' | 'password' | 'tls'>

export interface RedisServer {
  url: string
  port: number
  dir: string
  readonly pid: number
  /** SIGKILL: what is not on disk is lost. */
  stop (): Promise<void>
  /** SIGTERM: an orderly end. There are no save points, so a snapshot is only written by `SAVE`. */
  shutdown (): Promise<void>
  /** It keeps its connections and answers nothing. */
  pause (): void
  resume (): void
  /** Again on the same port, with what is in the same folder. */
  restart (): Promise<void>
  /** An ioredis client for the test itself, closed at teardown. */
  client (): Redis
}

export async function startRedis (t: Scope, options: RedisOptions = {}): Promise<RedisServer> {
  const port = options.port ?? await freePort()
  const dir = options.dir ?? await temporaryFolder(t)
  const access: Access = { port, ...options.password !== undefined && { password: options.password } }
  const args = [
    '--bind', HOST,
    '--port', String(port),
    '--dir', dir,
    '--save', '',
    '--appendonly', options.appendonly ? 'yes' : 'no',
    ...options.args ?? []
  ]
  let child = await launch()

  async function launch (): Promise<Child> {
    const started = await startChild(t, 'redis-server', args)
    await untilReady(started, 'redis-server', () => answersAs(access, started.pid))
    return started
  }

  return {
    url: `redis://${HOST}:${port}`,
    port,
    dir,
    get pid () { return child.pid },
    async stop () { await child.kill('SIGKILL') },
    async shutdown () { await child.kill('SIGTERM') },
    pause: () => child.pause(),
    resume: () => child.resume(),
    async restart () {
      await child.kill('SIGKILL')
      child = await launch()
    },
    client: () => clientOf(t, access)
  }
}

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

export async function startSentinel (t: Scope, { sentinels = 3, downAfterMs = 500, appendonly = false } = {}): Promise<SentinelSetup> {
  const name = 'main'
  const master = await startRedis(t, { appendonly })
  const replica = await startRedis(t, { appendonly, args: ['--replicaof', HOST, String(master.port)] })
  await eventually(async () => (await replica.client().info('replication')).includes('master_link_status:up'), 10_000)

  const config = [
    `sentinel monitor ${name} ${HOST} ${master.port} ${Math.floor(sentinels / 2) + 1}`,
    `sentinel down-after-milliseconds ${name} ${downAfterMs}`,
    `sentinel failover-timeout ${name} 3000`
  ]
  const ports: number[] = []
  for (let i = 0; i < sentinels; i++) ports.push(await launchSentinel(t, config))

  const clients = ports.map(port => clientOf(t, { port }))
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
      return now !== before && await isMaster(clientOf(t, { port: now })) && now
    }, 30_000)
  }

  return { name, ports, addresses: ports.map(port => `${HOST}:${port}`).join(','), master, replica, masterPort, failover }
}

async function launchSentinel (t: Scope, config: string[]): Promise<number> {
  const port = await freePort()
  const dir = await temporaryFolder(t)
  const file = join(dir, 'sentinel.conf')
  await writeFile(file, [`port ${port}`, `bind ${HOST}`, `dir ${dir}`, ...config, ''].join('\n'))
  const child = await startChild(t, 'redis-sentinel', [file])
  await untilReady(child, 'redis-sentinel', () => answersAs({ port }, child.pid))
  return port
}

async function viewOf (sentinel: Redis, name: string): Promise<Map<string, string>> {
  const reply = await sentinel.call('SENTINEL', 'MASTER', name)
  const pairs = Array.isArray(reply) ? reply.map(String) : Object.entries(Object(reply)).flat().map(String)
  return new Map(pairs.flatMap((key, i) => i % 2 === 0 ? [[key, pairs[i + 1] ?? '']] : []))
}

async function isMaster (client: Redis): Promise<boolean> {
  return (await client.info('replication')).includes('role:master')
}

/** By its process id, because a server left over on the port would answer too. */
async function answersAs (access: Access, pid: number): Promise<boolean> {
  const client = new Redis({ host: HOST, ...access, retryStrategy: null, lazyConnect: true })
  client.on('error', ignore)
  try {
    return await client.ping() === 'PONG' && (await client.info('server')).includes(`process_id:${pid}\r\n`)
  } finally {
    client.disconnect()
  }
}

function clientOf (t: Scope, access: Access): Redis {
  const client = new Redis({ host: HOST, ...access, retryStrategy: () => 50, maxRetriesPerRequest: null })
  client.on('error', ignore)
  t.teardown(() => client.disconnect())
  return client
}

/** That a Redis goes away is what the tests are about: the client reconnects, and its commands tell the rest. */
function ignore (): void {}

async function temporaryFolder (t: Scope): Promise<string> {
  const dir = await mkdtemp(join(tmpdir(), 'roomcast-redis-'))
  t.teardown(() => rm(dir, { recursive: true, force: true, maxRetries: 3 }))
  return dir
}
