// All connections of this instance from their first byte on: what each buffers, and the one way in which the server ends it.
import { performance } from 'node:perf_hooks'
import type { ServerResponse } from 'node:http'
import type { Server } from 'socket.io'
import type { WebSocket } from 'ws'
import { countLimit } from '../observe/limits.ts'
import type { Log } from '../observe/log.ts'
import type { Metrics } from '../observe/metrics.ts'
import { createSendBuffer, type Connection, type SendBuffer, type WatchedBuffer } from './send-buffer.ts'
import type { Settings } from '../settings.ts'
import type { ErrorCode } from '../wire/errors.ts'

const CHECK_MS = 250
/** A closing connection is terminated within 1 s, including the pace of the check. */
const CLOSE_GRACE_MS = 700

export interface Connections {
  /** @throws Error if the connection has ended */
  bufferOf (connection: Connection): SendBuffer
  /** The connection has authenticated: it may stay, and buffer MAX_BUFFERED_BYTES. */
  onAuthenticated (connection: Connection): void
  /** Its session has ended, so it is closed: a connection has only one session. */
  onSessionEnd (connection: Connection): void
  /** Bytes are waiting in a WebSocket, after an answer below Engine.IO. */
  onHeld (webSocket: WebSocket): void
  /** A long-polling request has arrived. */
  onPoll (sessionId: string, response: ServerResponse): void
  /** Sends what was collected, then closes the transport. Terminates it if that takes too long. */
  end (connection: Connection, code: ErrorCode): void
  /** Ends all connections. Resolves when they have ended. */
  close (): Promise<void>
}

type Engine = Server['engine']
/** Missing in engine.io's types. */
interface EngineEvents {
  clients: Record<string, Connection>
  on (event: 'connection' | 'flush' | 'drain', listener: (connection: Connection) => void): void
}
interface EnginePacket { data?: string }

export function createConnections ({ engine, flush, settings, metrics, log }: {
  engine: Engine
  /** Sends the updates collected in this turn, because something else is about to be sent. */
  flush: () => void
  settings: Settings
  metrics: Metrics
  log: Log
}): Connections {
  const events = engine as unknown as EngineEvents
  const buffers = new Map<Connection, WatchedBuffer>()
  /** Buffers by the WebSocket that carries the connection. */
  const carried = new WeakMap<WebSocket, WatchedBuffer>()
  /** Buffers that hold something, are not authenticated, or are closing. */
  const watched = new Set<WatchedBuffer>()
  let onEmpty: (() => void) | undefined
  let checkedAt = 0
  /** Runs while there is something to watch. */
  let timer: NodeJS.Timeout | undefined

  events.on('connection', onConnection)
  events.on('flush', connection => buffers.get(connection)?.onFlush())
  events.on('drain', connection => {
    const buffer = buffers.get(connection)
    if (buffer === undefined) return
    buffer.onDrain()
    if (buffer.waiting() > 0) onHeld(buffer)
  })

  function onConnection (connection: Connection): void {
    const buffer = createSendBuffer(connection, settings.AUTH_MAX_BUFFERED_BYTES, onHeld)
    buffers.set(connection, buffer)
    if (buffer.webSocket !== undefined) carried.set(buffer.webSocket, buffer)
    endWithin(buffer, settings.AUTH_TIMEOUT_MS)
    // For long polling: engine.io's own timeout of 30 s would keep a host process from ending.
    Object.assign(connection.transport, { closeTimeout: CLOSE_GRACE_MS })
    connection.on('packetCreate', onPacket)
    connection.on('upgrade', onUpgrade)
    connection.on('close', onClose)
  }

  // Listeners shared by all connections. engine.io passes the connection as `this`.

  function onPacket (this: Connection, { data = '' }: EnginePacket): void {
    flush()
    buffers.get(this)?.onQueue(Buffer.byteLength(data) + 1)
  }

  function onUpgrade (this: Connection): void {
    const buffer = buffers.get(this)
    if (buffer === undefined) return
    buffer.onUpgrade()
    if (buffer.webSocket !== undefined) carried.set(buffer.webSocket, buffer)
  }

  function onClose (this: Connection): void {
    const buffer = buffers.get(this)
    if (buffer === undefined) return
    buffers.delete(this)
    watched.delete(buffer)
    buffer.onClose()
    if (buffers.size === 0) onEmpty?.()
  }

  // ── What each buffers ───────────────────────────────────────────────────────

  function onHeld (buffer: WatchedBuffer): void {
    if (buffer.isTerminated || !buffers.has(buffer.connection)) return
    watch(buffer)
    if (buffer.isOverfull()) terminateFor(buffer, 'limit/slow-client', 0)
  }

  function watch (buffer: WatchedBuffer): void {
    watched.add(buffer)
    if (timer !== undefined) return
    checkedAt = performance.now()
    timer = setInterval(check, CHECK_MS).unref()
  }

  function check (): void {
    const now = performance.now()
    // While our own event loop was blocked, no client could drain.
    const elapsedMs = Math.min(now - checkedAt, 2 * CHECK_MS)
    checkedAt = now
    let sum = 0
    for (const buffer of watched) {
      const bytes = buffer.waiting()
      sum += bytes
      const stalledMs = buffer.stalledMs(elapsedMs)
      if (now >= buffer.endsAt) terminateLate(buffer)
      else if (buffer.isOverfull() || stalledMs >= stallTimeout(buffer)) terminateFor(buffer, 'limit/slow-client', stalledMs)
      else if (bytes === 0 && buffer.endsAt === Infinity) watched.delete(buffer)
      else buffer.onDrain()
    }
    metrics.bufferedBytes.set(sum)
    if (watched.size > 0 || sum > 0) return
    clearInterval(timer)
    timer = undefined
  }

  function stallTimeout ({ connection }: WatchedBuffer): number {
    return connection.transport.name === 'polling' ? settings.POLLING_STALL_TIMEOUT_MS : settings.STALL_TIMEOUT_MS
  }

  // ── How they end ──────────────────────────────────────────────────────────

  function endWithin (buffer: WatchedBuffer, ms: number): void {
    buffer.endsAt = performance.now() + ms
    watch(buffer)
  }

  function terminateLate (buffer: WatchedBuffer): void {
    if (buffer.connection.readyState === 'open') terminateFor(buffer, 'limit/auth-time', 0)
    else buffer.terminate()
  }

  function terminateFor (buffer: WatchedBuffer, code: ErrorCode, stalledMs: number): void {
    watched.delete(buffer)
    countLimit(metrics, code.slice('limit/'.length))
    metrics.disconnects.inc({ reason: code })
    log.warn({ code, bytes: buffer.waiting(), stalledMs: Math.round(stalledMs) }, 'cut off a connection; its client comes back by itself. Many: see RoomcastSlowClients')
    buffer.terminate()
  }

  return {
    bufferOf (connection) {
      const buffer = buffers.get(connection)
      if (buffer === undefined) throw new Error('the connection has ended')
      return buffer
    },

    onAuthenticated (connection) {
      const buffer = buffers.get(connection)
      if (buffer === undefined) return
      buffer.limitBytes = settings.MAX_BUFFERED_BYTES
      buffer.endsAt = Infinity
    },

    onSessionEnd (connection) {
      connection.close()
      // A long-polling client that polls no more does not close the connection.
      const buffer = buffers.get(connection)
      if (buffer !== undefined) endWithin(buffer, CLOSE_GRACE_MS)
    },

    onHeld (webSocket) {
      const buffer = carried.get(webSocket)
      if (buffer !== undefined && buffers.has(buffer.connection)) onHeld(buffer)
    },

    onPoll (sessionId, response) {
      const connection = Object.hasOwn(events.clients, sessionId) ? events.clients[sessionId] : undefined
      if (connection?.transport.name === 'polling') buffers.get(connection)?.onPoll(response)
    },

    end (connection, code) {
      metrics.disconnects.inc({ reason: code })
      flush()
      connection.close()
      const buffer = buffers.get(connection)
      if (buffer !== undefined) endWithin(buffer, CLOSE_GRACE_MS)
    },

    async close () {
      flush()
      for (const [connection, buffer] of buffers) {
        connection.close()
        endWithin(buffer, CLOSE_GRACE_MS)
      }
      if (buffers.size > 0) await new Promise<void>(resolve => { onEmpty = resolve })
      clearInterval(timer)
    }
  }
}
