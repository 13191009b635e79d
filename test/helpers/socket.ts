// Stock socket.io-client, as verbs: connect, subscribe, wait for an event, see that one did not come.
import { io, type ManagerOptions, type Socket, type SocketOptions } from 'socket.io-client'
import type { Scope } from './scope.ts'
import type { ApplicationResponse, SubscribeResult, StreamPosition } from '../../services/wire/protocol.ts'
import type { Answer } from './http.ts'
import { within } from './within.ts'

export interface ConnectOptions extends Partial<ManagerOptions & SocketOptions> {
  /** Shorthand for `auth: { token }`. */
  token?: string
}

export type ApplicationAnswer<T> = Answer<T> & Pick<ApplicationResponse, 'event' | 'payload'>

/** Resolves when connected; rejects with the `connect_error`, unless the client goes on trying by itself. */
export async function connect (t: Scope, url: string, { token, ...options }: ConnectOptions = {}): Promise<Socket> {
  const reconnection = options.reconnection ?? false
  const socket = io(url, { forceNew: true, ...token !== undefined && { auth: { token } }, ...options, reconnection })
  t.teardown(() => { socket.close() })
  await within(20_000, 'connected', new Promise<void>((resolve, reject) => {
    socket.once('connect', resolve)
    socket.on('connect_error', error => { if (!reconnection || !socket.active) reject(error) })
  }))
  return socket
}

export async function nextEvent<T = Record<string, unknown>> (
  socket: Socket,
  name: string,
  filter: (data: T) => boolean = () => true,
  timeoutMs = 5000
): Promise<T> {
  let listen: (data: T) => void = () => undefined
  const arrived = new Promise<T>(resolve => {
    listen = data => { if (filter(data)) resolve(data) }
    socket.on(name, listen)
  })
  return await within(timeoutMs, `event ${name}`, arrived).finally(() => socket.off(name, listen))
}

/** Fails if the event arrives before the barrier: something that the server can only have sent after it. */
export async function noEvent (socket: Socket, name: string, barrier: () => Promise<unknown>): Promise<void> {
  const arrived: unknown[] = []
  const listen = (data: unknown) => { arrived.push(data) }
  socket.on(name, listen)
  await barrier().finally(() => socket.off(name, listen))
  if (arrived.length > 0) throw new Error(`unexpected ${name}: ${JSON.stringify(arrived)}`)
}

export async function subscribe (
  socket: Socket,
  workspaceId: string,
  appId: string,
  since?: StreamPosition,
  roomToken?: string
): Promise<ApplicationAnswer<SubscribeResult>> {
  return await application(socket, 'SUBSCRIBE', {
    workspaceId, appId, ...since && { since }, ...roomToken !== undefined && { token: roomToken }
  })
}

export async function unsubscribe (socket: Socket, workspaceId: string, appId: string): Promise<ApplicationAnswer<unknown>> {
  return await application(socket, 'UNSUBSCRIBE', { workspaceId, appId })
}

export function roomEvent (workspaceId: string, appId: string): string {
  return `workspace_${workspaceId}_app_${appId}`
}

async function application<T> (socket: Socket, event: string, payload: object): Promise<ApplicationAnswer<T>> {
  return await socket.timeout(10_000).emitWithAck('application', { event, payload })
}
