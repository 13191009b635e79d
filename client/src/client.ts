// The connection. It reconnects on its own, to any instance and with a fresh token, and restores its rooms.
import { io } from 'socket.io-client'
import { createEmitter } from './emitter.ts'
import { clientError, mayPass, noAnswer, type ErrorInfo } from './errors.ts'
import type { Context, Mutable, Subscription } from './inner.ts'
import { createSubscription } from './subscription.ts'
import { createTimer, renewalWait } from './timers.ts'
import { takeToken } from './token.ts'
import type { Client, ClientOptions, Room, RoomOptions, Status } from './types.ts'
import type { Closing, TokenExpiring } from './wire.ts'

/** First pause before a reconnect. Short, because a draining instance has already spread its clients. */
const RECONNECT_MS = 100

/**
 * Connects to a Roomcast service.
 * @param url its address, for example `https://live.example.com`
 */
export function createClient (url: string, options: ClientOptions): Client {
  const { publishTimeoutMs = 60_000, answerTimeoutMs = 5000 } = options
  const { on, off, emit } = createEmitter()
  const subscriptions = new Map<string, Subscription>()
  const warned = new Set<string>()
  const [setRetry, stopRetry] = createTimer()
  const [setRenewal, stopRenewal] = createTimer()
  const socket = io(url, {
    transports: ['websocket', 'polling'],
    tryAllTransports: true,
    reconnectionDelay: RECONNECT_MS,
    ...options.socket,
    multiplex: false,
    ackTimeout: answerTimeoutMs,
    auth: send => { void authenticate(send) }
  })
  const manager = socket.io
  const context: Context = { socket, publishTimeoutMs, ask, tell }
  let isAway = false

  function setStatus (next: Status): void {
    if (next !== client.status) emit('status', client.status = next)
  }

  function tell (error: ErrorInfo): void {
    if (emit('error', error) || warned.has(error.code)) return
    warned.add(error.code)
    console.warn(`[roomcast] ${error.code}: ${error.message}`)
  }

  function ask<T> (event: string, data: object, done: (error: ErrorInfo | null, data: T) => void): void {
    socket.emit(event, data, (late: Error | null, answer: { data: T, error: ErrorInfo | null }) => {
      done(late ? noAnswer : answer.error, answer?.data)
    })
  }

  // ── Connecting ────────────────────────────────────────────────────────────

  async function authenticate (send: (auth: object) => void): Promise<void> {
    const { engine } = manager
    const token = await takeToken(options.token)
    // Ignore a token that arrived after its connection had ended.
    if (engine !== manager.engine || !socket.active) return
    if (typeof token === 'object') onRefused(token)
    // Needs no positions in packets, because rooms keep their own.
    else send({ token, positions: false })
  }

  function onRefused (error: ErrorInfo): void {
    socket.disconnect()
    if (mayPass(error)) again()
    else setStatus('closed')
    // Last, because a listener may close the client.
    tell(error)
  }

  function again (): void {
    setRetry(client.connect)
    setStatus('connecting')
  }

  socket.on('connect', () => {
    isAway = false
    setStatus('connected')
    subscriptions.forEach(room => room.subscribe())
  })

  socket.on('connect_error', (error: Error & { data?: ErrorInfo }) => {
    const info = error.data ?? clientError('client/unreachable', `${url}: ${error.message}: check URL and CORS_ORIGINS.`)
    if (!socket.active) return onRefused(info)
    // The transport failed, and socket.io-client retries. Reported once per outage.
    if (!isAway) tell(info)
    isAway = true
  })

  socket.on('disconnect', reason => {
    subscriptions.forEach(room => room.onDisconnect())
    if (reason === 'io server disconnect') again()
    else setStatus(socket.active ? 'connecting' : 'closed')
  })

  // ── Server events ──────────────────────────────────────────────────

  socket.on('closing', ({ code, message, reconnect }: Closing) => {
    const mayReturn = reconnect || mayPass({ code })
    ;(mayReturn ? tell : onRefused)(clientError(code, message, mayReturn))
  })

  async function renew (): Promise<void> {
    const token = await takeToken(options.token)
    if (typeof token === 'object') tell(token)
    else if (socket.connected) {
      ask('authenticate', { token }, error => {
        if (error) tell(error)
        else subscriptions.forEach(room => room.subscribe())
      })
    }
  }

  socket.onAny((event: string, data?: { workspaceId?: string, appId?: string }) => {
    const room = subscriptions.get(`${data?.workspaceId}/${data?.appId}`)
    if (room) room.hear(event, data)
    else emit(event, data)
  })
  // With a room, it is about a room token.
  socket.on('token_expiring', ({ expiresAt, appId }: TokenExpiring) => { if (!appId) setRenewal(renew, renewalWait(expiresAt)) })

  const client: Mutable<Client> = {
    socket,
    status: 'connecting',
    get sessionId () { return (manager.engine as { id?: string } | undefined)?.id },
    on: on as Client['on'],
    off: off as Client['off'],
    room<Events extends object> (workspaceId: string, appId: string, roomOptions: RoomOptions = {}) {
      const key = `${workspaceId}/${appId}`
      const subscription = subscriptions.get(key) ?? createSubscription({ workspaceId, appId }, context, () => subscriptions.delete(key))
      subscriptions.set(key, subscription)
      return subscription.hold(roomOptions) as unknown as Room<Events>
    },
    connect () {
      if (socket.active) return
      stopRetry()
      socket.connect()
      setStatus('connecting')
    },
    close () {
      stopRetry()
      stopRenewal()
      // First, so that requests without an answer set no retry after the end.
      socket.disconnect()
      subscriptions.forEach(room => room.end(clientError('client/closed', 'The client was closed.')))
      setStatus('closed')
    }
  }
  return client
}
