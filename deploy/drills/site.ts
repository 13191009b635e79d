// The demo to break: three instances behind nginx, each with its own way to Redis, a receiver of the webhook, Prometheus, and
// people who write and read all the time.
import type { Redis } from 'ioredis'
import { startInstance, type Instance } from '../../test/helpers/instance.ts'
import { startNginx, type Nginx } from '../../test/helpers/nginx.ts'
import { freePort, HOST } from '../../test/helpers/ports.ts'
import { startProxy, type Proxy } from '../../test/helpers/proxy.ts'
import { keepPublishing } from '../../test/helpers/publisher.ts'
import { startReceiver } from '../../test/helpers/receiver.ts'
import { startRedis, type RedisServer } from '../../test/helpers/redis.ts'
import type { Scope } from '../../test/helpers/scope.ts'
import { connect, subscribe } from '../../test/helpers/socket.ts'
import { token } from '../../test/helpers/token.ts'
import { startPrometheus, type Prometheus } from './prometheus.ts'

/** What differs from the defaults: smaller limits, so that a drill need not be large to reach them. */
export const settings = {
  DRAIN_DELAY_SECONDS: '0',
  DRAIN_SECONDS: '1',
  REDIS_MAX_PENDING_BYTES: '1048576',
  ROOM_LINGER_MS: '500',
  STALL_TIMEOUT_MS: '10000',
  WEBHOOK_QUEUE_SIZE: '20',
  WEBHOOK_RETRY_MAX_MS: '1000'
}

const READERS = 6
const WRITE_PAUSE_MS = 50
export const ROOM = { workspaceId: 'demo', appId: 'board' }

export interface Node {
  name: string
  /** Between the instance and Redis. */
  link: Proxy
  instance: Instance
}

export interface Site {
  redis: RedisServer
  admin: Redis
  nodes: [Node, Node, Node]
  nginx: Nginx
  prometheus: Prometheus
  /** What the receiver of the webhook answers. */
  receiver: { status: number }
  /** A supervisor: starts the instance of this node again on its port, when the one before has ended. */
  start (node: Node, changes?: Record<string, string>): Promise<void>
  /** As a deploy does: SIGTERM, and again with these settings. */
  restart (node: Node, changes?: Record<string, string>): Promise<void>
}

/** A client that stays in the room, whatever happens. */
export async function read (scope: Scope, url: string, sub: string): Promise<void> {
  const socket = await connect(scope, url, { token: token({ sub }), reconnection: true, reconnectionDelayMax: 1000, transports: ['websocket'] })
  const join = () => { subscribe(socket, ROOM.workspaceId, ROOM.appId).catch(() => { /* The next connect subscribes again. */ }) }
  socket.on('connect', join)
  socket.on('unsubscribed', join)
  join()
}

export async function openSite (scope: Scope): Promise<Site> {
  const redis = await startRedis(scope, { appendonly: true })
  const receiver = { status: 200 }
  const { url } = await startReceiver(scope, () => receiver.status)
  const launch = (name: string, port: number, link: Proxy, changes: Record<string, string> = {}) => startInstance(scope, {
    LOG_LEVEL: 'info', INSTANCE_NAME: name, PORT: String(port), REDIS_URL: link.url(), TRUST_PROXY: HOST, WEBHOOK_URL: url, WEBHOOK_SECRET: 'of-the-drills', ...settings, ...changes
  })
  const nodes = await Promise.all(['a', 'b', 'c'].map(async name => {
    const [link, port] = [await startProxy(scope, redis.port), await freePort()]
    return { name, link, instance: await launch(name, port, link) }
  })) as [Node, Node, Node]
  await Promise.all(nodes.map(({ instance }) => instance.ready()))
  const [a, b, c] = nodes.map(({ instance }) => instance.port) as [number, number, number]
  const nginx = await startNginx(scope, [a, b, c])

  for (let i = 0; i < READERS; i++) await read(scope, nginx.url, `reader-${i}`)
  keepPublishing(scope, [nginx.internalUrl], ROOM.workspaceId, ROOM.appId, { pauseMs: WRITE_PAUSE_MS, name: 'writer' })

  async function start (node: Node, changes: Record<string, string> = {}): Promise<void> {
    await node.instance.exited
    node.instance = await launch(node.name, node.instance.port, node.link, changes)
    await node.instance.ready()
  }

  return {
    redis,
    admin: redis.client(),
    nodes,
    nginx,
    prometheus: await startPrometheus(scope, nodes.map(({ instance }) => `${HOST}:${instance.port}`)),
    receiver,
    start,
    async restart (node, changes) {
      await node.instance.kill('SIGTERM')
      await start(node, changes)
    }
  }
}
