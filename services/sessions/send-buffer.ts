// The send buffer of one connection: all that the process holds for it and the peer has not taken, over both transports,
// and the one way out for what a room is sent.
import type { ServerResponse } from 'node:http'
import type { Socket as TcpSocket } from 'node:net'
import type { Socket } from 'socket.io'
import { WebSocket } from 'ws'
import type { Packet } from '../feeds/packet.ts'
import { createPolls, type Polls } from './polls.ts'

export type Connection = Socket['conn']

/** What Engine.IO keeps to itself: its queue, and the WebSocket below it. */
interface EngineConnection {
  writeBuffer: unknown[]
  transport: { name: string, writable: boolean, socket?: WebSocket & { _socket: TcpSocket } }
}

/** A long-polling client is answered at most this share of its limit at a time: it shows that it reads by coming back. */
const POLL_SHARE = 16
const UNCOMPRESSED = { compress: false }

export interface SendBuffer {
  /** Most bytes that may wait; more than half of it, and the client is served at its own pace. */
  limitBytes: number
  /** Hands over packets, in order with everything else that the connection is sent. */
  send (packet: Packet): void
  /** Bytes that the process holds for the peer. */
  waiting (): number
  /** Of those, what the peer is behind with; a long-polling client is not, when it has come back. */
  lagging (): number
  isFull (): boolean
  /** Calls back once when it is not full, or when the connection has ended; in a turn of its own. */
  whenDrained (callback: () => void): void
}

/** What the registry of connections does with a send buffer. */
export interface WatchedBuffer extends SendBuffer {
  readonly connection: Connection
  /** What carries it; none of long polling. */
  readonly webSocket: WebSocket | undefined
  /** When it is terminated, on the monotonic clock: not authenticated by then, or not closed. */
  endsAt: number
  /** More waits than may; a packet that found nothing waiting may be larger. */
  isOverfull (): boolean
  /** Engine.IO queues a packet of so many bytes. */
  onQueue (bytes: number): void
  /** Engine.IO hands its queue to the transport. */
  onFlush (): void
  onPoll (response: ServerResponse): void
  onUpgrade (): void
  onClose (): void
  /** Tells who waits for it that the buffer has drained. */
  onDrain (): void
  /**
   * Milliseconds for which something waits and nothing has left.
   * @param elapsedMs since this was last asked
   */
  stalledMs (elapsedMs: number): number
  /** Ends the connection at once and frees what waits. */
  terminate (): void
  readonly isTerminated: boolean
}

/** @param onHeld something waits after a write */
export function createSendBuffer (connection: Connection, limitBytes: number, onHeld: (buffer: WatchedBuffer) => void): WatchedBuffer {
  return new Buffered(connection, limitBytes, onHeld)
}

/** A class: closures would cost each of the many connections a kilobyte. */
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
  /** Of the last packet that was handed over when nothing waited. */
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
      // Everything before it is in the TCP socket already. After a Close frame nothing may come.
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
    // In a turn of their own: a drain is announced in the middle of Engine.IO's own work.
    for (const callback of due) setImmediate(callback)
  }

  /** A socket says once that its queue is empty; with less in it than that is worth, the next check finds out. */
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

  /** Changes whenever something has left; of one large write, the handle knows how much. */
  private progress (): number {
    const { tcp } = this
    if (tcp === undefined) return this.polls?.progress() ?? 0
    const { _handle: handle } = tcp as { _handle?: { writeQueueSize?: number } | null }
    return tcp.bytesWritten - tcp.writableLength - (handle?.writeQueueSize ?? 0)
  }

  terminate (): void {
    this.isTerminated = true
    this.polls?.destroy()
    // In a turn of its own, as that of a WebSocket: whoever has just handed over a packet still finds its session.
    if (this.webSocket === undefined) setImmediate(() => this.connection.close(true))
    else this.webSocket.terminate()
  }
}
