// Real Redis servers on free loopback ports, to be killed, stopped, restarted and failed over.
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Redis, type RedisOptions as ClientOptions } from 'ioredis'
import type { Scope } from './scope.ts'
import { startChild, untilReady, type Child } from './child.ts'
import { tlsSettings, type Certificates } from './certificates.ts'
import { freePort, HOST } from './ports.ts'
import { REDIS_SERVER } from './programs.ts'

export interface RedisOptions {
  appendonly?: boolean
  /** Further command line arguments. */
  args?: string[]
  port?: number
  dir?: string
  /** Asked of everyone, replicas and their master among them. */
  password?: string
  /** TLS, and nothing else. */
  certificates?: Certificates
}

/** How a client of the test itself gets in. */
export type Access = Pick<ClientOptions, 'port' | 'password' | 'tls'>

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
  const { password, certificates } = options
  const access = accessTo({ ...options, port })
  const args = [
    '--bind', HOST,
    ...certificates === undefined ? ['--port', String(port)] : ['--port', '0', '--tls-port', String(port), ...tlsSettings(certificates).flatMap(([name, value]) => [`--${name}`, value])],
    ...password === undefined ? [] : ['--requirepass', password, '--masterauth', password],
    '--dir', dir,
    '--save', '',
    '--appendonly', options.appendonly ? 'yes' : 'no',
    ...options.args ?? []
  ]
  let child = await launch()

  async function launch (): Promise<Child> {
    const started = await startChild(t, REDIS_SERVER, args)
    await untilReady(started, REDIS_SERVER, () => answersAs(access, started.pid))
    return started
  }

  return {
    url: `${certificates === undefined ? 'redis' : 'rediss'}://${HOST}:${port}`,
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
    client: () => redisClient(t, access)
  }
}

export async function isMaster (client: Redis): Promise<boolean> {
  return (await client.info('replication')).includes('role:master')
}

export function accessTo ({ port, password, certificates }: { port: number, password?: string, certificates?: Certificates }): Access {
  return { port, ...password !== undefined && { password }, ...certificates !== undefined && { tls: { ca: certificates.ca } } }
}

/** By its process id, because a server left over on the port would answer too. */
export async function answersAs (access: Access, pid: number): Promise<boolean> {
  const client = new Redis({ host: HOST, ...access, retryStrategy: null, lazyConnect: true })
  client.on('error', ignore)
  try {
    return await client.ping() === 'PONG' && (await client.info('server')).includes(`process_id:${pid}\r\n`)
  } finally {
    client.disconnect()
  }
}

export function redisClient (t: Scope, access: Access): Redis {
  const client = new Redis({ host: HOST, ...access, retryStrategy: () => 50, maxRetriesPerRequest: null })
  client.on('error', ignore)
  t.teardown(() => client.disconnect())
  return client
}

/** That a Redis goes away is what the tests are about: the client reconnects, and its commands tell the rest. */
function ignore (): void {}

export async function temporaryFolder (t: Scope): Promise<string> {
  const dir = await mkdtemp(join(tmpdir(), 'roomcast-redis-'))
  t.teardown(() => rm(dir, { recursive: true, force: true, maxRetries: 3 }))
  return dir
}
