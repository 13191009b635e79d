// roomcast/client: a thin typed layer over socket.io-client, for browsers and Node. It comes back by itself, on any
// instance and with a fresh token, and every room goes on from where it stood.
import { io } from 'socket.io-client'
import type { Closing, Draining, PresenceChange, TokenExpiring, Unsubscribed, Result } from '../services/wire/protocol.ts'
import { createRoom, type InnerRoom } from './room.ts'
import { backOff, clientError, createEmitter, createRenewal, mayPass } from './tools.ts'
import type { Client, ClientEvents, ClientOptions, ErrorInfo, Room, Status } from './types.ts'

export { ClientError } from './tools.ts'
export type * from './types.ts'

/** First pause before the transport is tried again; after `draining`, when the server has chosen the moment, none. */
const RECONNECT_MS = 300
const RECONNECT_AFTER_DRAINING_MS = 20
/** A connection that lived for less does not prove that trying at once is welcome. */
const PROVEN_MS = 10_000

export function createClient (url: string, options: ClientOptions): Client {
  const { token, publishTimeoutMs = 60_000, answerTimeoutMs = 5000 } = options
  const emitter = createEmitter<ClientEvents>()
  const rooms = new Map<string, InnerRoom>()
  const socket = io(url, {
    transports: ['websocket', 'polling'],
    tryAllTransports: true,
    reconnectionDelay: RECONNECT_MS,
    ...options.socket,
    multiplex: false,
    auth: send => { void authenticate(send) }
  })
  const manager = socket.io
  const reconnectMs = manager.reconnectionDelay()
  let status: Status = 'connecting'
  let attempts = 0
  let connectedAt = 0
  let timer: ReturnType<typeof setTimeout> | undefined

  function setStatus (next: Status): void {
    if (next === status) return
    status = next
    emitter.emit('status', next)
  }

  // ── Connecting ────────────────────────────────────────────────────────────

  async function authenticate (send: (auth: object) => void): Promise<void> {
    const { engine } = manager
    // A token that took longer than its connection lived is of no use to the next one.
    const isCurrent = () => engine === manager.engine && socket.active
    try {
      const auth = { token: await token() }
      if (isCurrent()) send(auth)
    } catch (error) {
      if (isCurrent()) onRefused(clientError('client/no-token', String(error), true))
    }
  }

  function onRefused (error: ErrorInfo): void {
    emitter.emit('error', error)
    socket.disconnect()
    setStatus(mayPass(error) ? 'connecting' : 'closed')
    if (status === 'connecting') again()
  }

  function again (): void {
    clearTimeout(timer)
    timer = setTimeout(() => socket.connect(), backOff(attempts++))
  }

  socket.on('connect', () => {
    connectedAt = Date.now()
    manager.reconnectionDelay(reconnectMs)
    setStatus('connected')
    for (const { subscribe } of rooms.values()) subscribe()
  })

  socket.on('connect_error', (error: Error & { data?: ErrorInfo }) => {
    // Where the socket is active, the transport failed, and socket.io-client tries again.
    if (!socket.active) onRefused(error.data ?? clientError('client/refused', error.message, false))
  })

  socket.on('disconnect', reason => {
    if (Date.now() - connectedAt > PROVEN_MS) attempts = 0
    for (const room of rooms.values()) room.onDisconnect()
    setStatus(reason === 'io client disconnect' ? 'closed' : 'connecting')
    if (reason === 'io server disconnect') again()
  })

  // ── What the server says ──────────────────────────────────────────────────

  socket.on('closing', (closing: Closing) => {
    const error = { ...closing, name: 'Closing', retryable: closing.reconnect || mayPass(closing) }
    if (error.retryable) emitter.emit('error', error)
    else onRefused(error)
  })

  socket.on('draining', (draining: Draining) => {
    manager.reconnectionDelay(RECONNECT_AFTER_DRAINING_MS)
    emitter.emit('draining', draining)
  })

  socket.on('token_expiring', ({ expiresAt, workspaceId, appId }: TokenExpiring) => {
    if (workspaceId === undefined || appId === undefined) renew(expiresAt)
    else roomOf({ workspaceId, appId })?.renew(expiresAt)
  })

  const renew = createRenewal(async () => {
    try {
      const fresh = { token: await token() }
      socket.emit('authenticate', fresh, ({ error }: Result<unknown>) => {
        if (error !== null) emitter.emit('error', error)
        // What the old token did not allow, the fresh one may.
        else for (const { room, subscribe } of rooms.values()) if (!room.isJoined) subscribe()
      })
    } catch (error) {
      emitter.emit('error', clientError('client/no-token', String(error), true))
    }
  })

  const roomOf = ({ workspaceId, appId }: { workspaceId: string, appId: string }) => rooms.get(`${workspaceId}/${appId}`)
  socket.on('unsubscribed', (ended: Unsubscribed) => roomOf(ended)?.onUnsubscribed(ended))
  socket.on('presence', (change: PresenceChange) => roomOf(change)?.onPresence(change))

  const client: Client = {
    socket,
    get status () { return status },
    get sessionId () { return (manager.engine as { id?: string } | undefined)?.id },
    on (event, listener) {
      emitter.on(event, listener)
      return client
    },
    off (event, listener) {
      emitter.off(event, listener)
      return client
    },
    room<Events extends object> (workspaceId: string, appId: string, roomOptions = {}) {
      const key = `${workspaceId}/${appId}`
      let inner = rooms.get(key)
      if (inner === undefined) {
        inner = createRoom(workspaceId, appId, roomOptions, { socket, publishTimeoutMs, answerTimeoutMs, onLeave: () => rooms.delete(key) })
        rooms.set(key, inner)
        if (socket.connected) inner.subscribe()
      }
      return inner.room as unknown as Room<Events>
    },
    connect () {
      setStatus('connecting')
      socket.connect()
    },
    close () {
      clearTimeout(timer)
      socket.disconnect()
      setStatus('closed')
      for (const { close } of rooms.values()) close()
      rooms.clear()
    }
  }
  return client
}
