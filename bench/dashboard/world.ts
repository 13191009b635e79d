// What the dashboard shows: three instances behind nginx on a Redis Cluster of three masters, with clients of both kinds and writers.
import { setTimeout as pause } from 'node:timers/promises'
import { createClient, type Client } from '@roomcast/client'
import { io, type Socket } from 'socket.io-client'
import { call, publish } from '../../test/helpers/http.ts'
import { startInstance, type Instance } from '../../test/helpers/instance.ts'
import { startNginx } from '../../test/helpers/nginx.ts'
import { freePort, HOST } from '../../test/helpers/ports.ts'
import { startReceiver } from '../../test/helpers/receiver.ts'
import { startRedisCluster, type RedisCluster } from '../../test/helpers/redis-cluster.ts'
import type { Scope } from '../../test/helpers/scope.ts'
import { token } from '../../test/helpers/token.ts'

const CLIENTS = 120
const ROOMS = 24
const WRITE_EVERY_MS = 20

export interface World {
  /** Address → name, of each instance. */
  targets: Map<string, string>
  redis: RedisCluster
  /** Kills an instance; the returned function starts it again. */
  kill (name: string): Promise<() => Promise<void>>
  /** Some clients that are away; the returned function brings them back. */
  leave (count: number): () => void
  /** What an operator, and callers with mistakes, do now and then. */
  disturb (): Promise<void>
}

export async function createWorld (scope: Scope): Promise<World> {
  const redis = await startRedisCluster(scope)
  const receiver = await startReceiver(scope)
  const instances = new Map<string, Instance>()
  const launch = async (name: string, port: number) => {
    const instance = await startInstance(scope, {
      REDIS_CLUSTER: redis.addresses,
      WEBHOOK_URL: receiver.url,
      WEBHOOK_SECRET: 'a secret for this run only',
      WEBHOOK_EVENTS: 'room.occupied,room.vacated,member.joined,member.left',
      INSTANCE_NAME: name,
      TRUST_PROXY: 'loopback',
      PORT: String(port),
      LOG_LEVEL: 'error',
      ROOM_LINGER_MS: '2000',
      PRESENCE_LINGER_MS: '2000'
    })
    instances.set(name, instance)
    await instance.ready(30_000)
  }
  for (const name of ['a', 'b', 'c']) await launch(name, await freePort())
  const all = [...instances.values()]
  const nginx = await startNginx(scope, all.map(({ port }) => port) as [number, number, number])

  const roomOf = (n: number) => ({ workspaceId: 'acme', appId: `board-${n % ROOMS}` })
  const stock = Array.from({ length: CLIENTS / 2 }, (_, n) => startStock(nginx.url, n, roomOf(n)))
  const own = Array.from({ length: CLIENTS / 2 }, (_, n) => startOwn(nginx.url, n, roomOf))
  let isOver = false
  const writing = Promise.all(Array.from({ length: 4 }, async (_, writer) => {
    for (let n = writer; !isOver; n += 4) {
      const update = { ...roomOf(n), event: 'CARD_MOVED', payload: { card: n, text: 'x'.repeat(100) }, id: `n-${n % 50 === 7 ? n - 4 : n}`, ...n % 9 === 0 && { ephemeral: true } }
      await publish(nginx.internalUrl, update).catch(ignore)
      await pause(WRITE_EVERY_MS * 4)
    }
  }))
  scope.teardown(async () => {
    isOver = true
    for (const socket of stock) socket.close()
    for (const client of own) client.close()
    await writing
  })

  return {
    targets: new Map([...instances].map(([name, { port }]) => [`${HOST}:${port}`, `roomcast-${name}:3000`])),
    redis,
    async kill (name) {
      const instance = instances.get(name) as Instance
      await instance.kill()
      return async () => { await launch(name, instance.port) }
    },
    leave (count) {
      const gone = stock.slice(0, count)
      for (const socket of gone) socket.io.engine.close()
      for (const client of own.slice(0, count)) client.close()
      return () => { for (let n = 0; n < count; n++) own[n] = startOwn(nginx.url, n, roomOf) }
    },
    async disturb () {
      const room = roomOf(0)
      const bearer = token({ sub: 'operator' })
      await Promise.allSettled([
        call(nginx.internalUrl, 'POST', '/api/v1/sessions/unsubscribe', { token: bearer, body: { userId: 'user-3', ...room } }),
        call(nginx.internalUrl, 'POST', '/api/v1/tokens/revoke', { token: bearer, body: { jti: `jti-${Date.now()}` } }),
        call(nginx.internalUrl, 'POST', '/api/v1/publish', { token: bearer, body: { ...room, event: 'not an event', payload: 1 } }),
        publish(nginx.internalUrl, { ...room, event: 'BIG', payload: 'x'.repeat(70_000) }),
        publish(nginx.internalUrl, { ...room, event: 'NO', payload: 1 }, token({ capabilities: {} })),
        new Promise(resolve => io(nginx.url, { auth: { token: 'none' }, reconnection: false, forceNew: true }).once('connect_error', resolve)),
        visit(nginx.url)
      ])
    }
  }
}

/** A page as everybody writes it; half begin with long polling, as stock clients do. */
function startStock (url: string, n: number, room: { workspaceId: string, appId: string }): Socket {
  const socket = io(url, { auth: { token: token({ sub: `user-${n}` }) }, forceNew: true, ...n % 2 === 0 && { transports: ['websocket'] } })
  socket.on('connect', () => { socket.emit('application', { event: 'SUBSCRIBE', payload: room }) })
  return socket
}

/** Someone who has a look, and goes. */
async function visit (url: string): Promise<void> {
  const socket = startStock(url, CLIENTS, { workspaceId: 'acme', appId: 'visited' })
  await pause(1000)
  socket.close()
}

function startOwn (url: string, n: number, roomOf: (n: number) => { workspaceId: string, appId: string }): Client {
  const client = createClient(url, { token: () => token({ sub: `own-${n}` }) })
  client.on('error', ignore)
  for (const room of [roomOf(n), roomOf(n + 7)]) client.room(room.workspaceId, room.appId).on('update', ignore)
  return client
}

/** The dashboard tells what failed. */
function ignore (): void {}
