// Presence, as verbs: be in a room, record who comes and goes, ask who is there.
import type { Socket } from 'socket.io-client'
import type { Test } from 'tap'
import type { PresenceChange, PresenceList, Result } from '../../services/wire/protocol.ts'
import { eventually } from './eventually.ts'
import { call } from './http.ts'
import { cluster, type Instance } from './instance.ts'
import { startRedis } from './redis.ts'
import { connect, subscribe } from './socket.ts'
import { token, type Claims } from './token.ts'

export const room = { workspaceId: 'acme', appId: 'board-1' }
export const ROUTE = '/api/v1/workspaces/acme/apps/board-1/presence'

/** Everything that a socket is told of who comes and goes, as `+ann` and `-ann`; `changes` holds what changed besides. */
export function watch (socket: Socket): { log: string[], changes: PresenceChange[], count: () => number | undefined } {
  const log: string[] = []
  const changes: PresenceChange[] = []
  socket.on('presence', (change: PresenceChange) => {
    changes.push(change)
    log.push(...change.joined.map(({ userId }) => `+${userId}`), ...change.left.map(({ userId }) => `-${userId}`))
  })
  return { log, changes, count: () => changes.at(-1)?.count }
}

export async function member (t: Test, instance: { url: string }, claims: Claims): Promise<Socket> {
  const socket = await connect(t, instance.url, { token: token(claims) })
  await subscribe(socket, room.workspaceId, room.appId)
  return socket
}

export async function watcher (t: Test, instance: { url: string }, sub: string) {
  const socket = await connect(t, instance.url, { token: token({ sub }) })
  const seen = watch(socket)
  await subscribe(socket, room.workspaceId, room.appId)
  await eventually(() => seen.log.includes(`+${sub}`))
  return { socket, ...seen }
}

export async function ask (socket: Socket): Promise<Result<PresenceList>> {
  return await socket.timeout(10_000).emitWithAck('presence', room)
}

export async function users (instance: Instance): Promise<string> {
  const { body } = await call<PresenceList>(instance.url, 'GET', ROUTE, { token: token({ sub: 'svc' }) })
  return body.data.collaborators.map(({ userId }) => userId).sort().join(' ')
}

export async function pair (t: Test, env: Record<string, string> = {}) {
  const redis = await startRedis(t)
  const [a, b] = await cluster(t, 2, { REDIS_URL: redis.url, ...env })
  await Promise.all([a.ready(), b.ready()])
  return { redis, a, b }
}
