// The send buffer of one connection: all bytes that the process holds for it, over both transports. All room traffic is
// sent through it.
import type { ServerResponse } from 'node:http'
import type { Socket as TcpSocket } from 'node:net'
import type { Socket } from 'socket.io'
import { WebSocket } from 'ws'
import type { Packet } from '../feeds/packet.ts'
import { createPolls, type Polls } from './polls.ts'

export type Connection = Socket['conn']

/** Private parts of Engine.IO: its queue, and the WebSocket below it. */
interface EngineConnection {
  writeBuffer: unknown[]
  transport: { name: string, writable: boolean, socket?: WebSocket & { _socket: TcpSocket } }
}

/** One long-polling answer has at most this fraction of the limit: the next poll shows that it was read. */
const POLL_SHARE = 16
const UNCOMPRESSED = { compress: false }

export interface SendBuffer {
  /** The most bytes that may wait. Above half of it, the client is served at its own pace. */
  limitBytes: number
  /** Sends a packet, in order with everything else on the connection. */
  send (packet: Packet): void
  /** Bytes that the process holds for the client. */
  waiting (): number
  /** The part of them that the client is behind with. A long-polling answer counts until the next poll. */
  lagging (): number
  isFull (): boolean
  /** Calls back once, in a later turn, when it is no longer full or the connection has ended. */
  whenDrained (callback: () => void): void
}

/** The send buffer as connections.ts uses it. */
export interface WatchedBuffer extends SendBuffer {
  readonly connection: Connection
  /** The WebSocket of the connection; undefined for long polling. */
  readonly webSocket: WebSocket | undefined
  /** When the connection is terminated if it has not authenticated, or not closed, by performance.now(). */
  endsAt: number
  /** Whether more waits than is allowed. A single packet may be larger than the limit if nothing else waits. */
  isOverfull (): boolean
  /** Engine.IO has queued a packet of this size. */
  onQueue (bytes: number): void
  /** Engine.IO has passed its queue to the transport. */
  onFlush (): void
  onPoll (response: ServerResponse): void
  onUpgrade (): void
  onClose (): void
  /** Calls the `whenDrained` callbacks if the buffer is no longer full. */
  onDrain (): void
  /**
   * Milliseconds for which something has been waiting and nothing has left.
   * @param elapsedMs time since the last call
   */
  stalledMs (elapsedMs: number): number
  /** Ends the connection at once and frees its bytes. */
  terminate (): void
  readonly isTerminated: boolean
}

/** @param onHeld called when bytes wait after a write */
export function createSendBuffer (connection: Connection, limitBytes: number, onHeld: (buffer: WatchedBuffer) => void): WatchedBuffer {
  return new Buffered(connection, limitBytes, onHeld)
}

/** A class, because closures would cost each connection a kilobyte. */
class Buffered implements WatchedBuffer {
  readonly connection: Connection
  limitBytes: number
  endsAt = Infinity
  isTerminated = false
  private readonly onHeld: (buffer: WatchedBuffer) => void
  webSocket: WebSocket | undefined
  private tcp: TcpSocket | undefined
  private polls: Polls | undefined
  private queued = 0
  /** The size of the last packet that was sent while nothing waited. */
  private loneBytes = 0
  private callbacks: Array<() => void> | undefined
  private isAwaitingSocket = false
  private lastProgress = 0
  private stalled = 0

  constructor (connection: Connection, limitBytes: number, onHeld: (buffer: WatchedBuffer) => void) {
    this.connection = connection
    this.limitBytes = limitBytes
    this.onHeld = onHeld
    this.useTransport()
  }

  private get engine (): EngineConnection {
    return this.connection as unknown as EngineConnection
  }

  private useTransport (): void {
    const { socket } = this.engine.transport
    this.webSocket = socket
    this.tcp = socket?._socket
  }

  send (packet: Packet): void {
    const { tcp, webSocket } = this
    if (tcp === undefined || webSocket === undefined || this.engine.writeBuffer.length > 0) {
      for (const text of packet.texts) this.connection.write(text, UNCOMPRESSED)
    } else if (webSocket.readyState === WebSocket.OPEN) {
      // All earlier bytes are in the TCP socket already. Nothing may follow a Close frame.
      if (tcp.writableLength === 0) this.loneBytes = packet.bytes
      tcp.write(packet.frames)
      if (tcp.writableLength > 0) this.onHeld(this)
    }
  }

  waiting (): number {
    return this.queued + this.inSocket() + (this.polls?.unread() ?? 0)
  }

  lagging (): number {
    return this.queued + this.inSocket() + (this.polls?.unfollowed() ?? 0)
  }

  private inSocket (): number {
    return this.tcp?.writableLength ?? 0
  }

  isFull (): boolean {
    if (this.tcp !== undefined && this.queued === 0 && this.polls === undefined) return this.tcp.writableLength > this.limitBytes / 2
    return this.waiting() > this.limitBytes / 2 || (this.tcp === undefined && this.queued > this.limitBytes / POLL_SHARE)
  }

  whenDrained (callback: () => void): void {
    this.callbacks ??= []
    this.callbacks.push(callback)
    this.onHeld(this)
    this.onDrain()
  }

  isOverfull (): boolean {
    return this.waiting() > Math.max(this.limitBytes, this.loneBytes + this.limitBytes / 2)
  }

  onQueue (bytes: number): void {
    if (this.waiting() === 0) this.loneBytes = bytes
    this.queued += bytes
    if (!this.engine.transport.writable) this.onHeld(this)
  }

  onFlush (): void {
    this.polls?.answer(this.queued)
    this.queued = 0
  }

  onPoll (response: ServerResponse): void {
    this.polls ??= createPolls()
    this.polls.onPoll(response)
    this.onDrain()
  }

  onUpgrade (): void {
    this.polls?.onUpgrade()
    this.useTransport()
    this.onDrain()
  }

  onClose (): void {
    this.webSocket = this.tcp = this.polls = undefined
    this.queued = 0
    this.onDrain()
  }

  onDrain (): void {
    if (this.callbacks === undefined) return
    if (this.isFull()) return this.awaitSocket()
    const due = this.callbacks
    this.callbacks = undefined
    // In a later turn, because Engine.IO announces a drain in the middle of its own work.
    for (const callback of due) setImmediate(callback)
  }

  /** Waits for 'drain' of the TCP socket. A queue too small for that event is found by the next check. */
  private awaitSocket (): void {
    const { tcp } = this
    if (tcp === undefined || this.isAwaitingSocket || !tcp.writableNeedDrain) return
    this.isAwaitingSocket = true
    tcp.once('drain', () => {
      this.isAwaitingSocket = false
      this.onDrain()
    })
  }

  stalledMs (elapsedMs: number): number {
    const progress = this.progress()
    const isStalled = progress === this.lastProgress && (this.callbacks !== undefined || this.lagging() > 0)
    this.stalled = isStalled ? this.stalled + elapsedMs : 0
    this.lastProgress = progress
    return this.stalled
  }

  /** A number that changes whenever bytes leave. The handle knows how much of one large write is left. */
  private progress (): number {
    const { tcp } = this
    if (tcp === undefined) return this.polls?.progress() ?? 0
    const { _handle: handle } = tcp as { _handle?: { writeQueueSize?: number } | null }
    return tcp.bytesWritten - tcp.writableLength - (handle?.writeQueueSize ?? 0)
  }

  terminate (): void {
    this.isTerminated = true
    this.polls?.destroy()
    // In a later turn, as for a WebSocket: the caller may still need the session in this one.
    if (this.webSocket === undefined) setImmediate(() => this.connection.close(true))
    else this.webSocket.terminate()
  }
}
