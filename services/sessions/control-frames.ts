// Control frames: a WebSocket server for Engine.IO that answers the pings of clients at a rate. Each answer is held for a
// client that does not read, and no packet of Engine.IO stands for it.
import { WebSocket, WebSocketServer, type ServerOptions } from 'ws'
import { createRate, type Rate } from '../access/rate.ts'
import { countLimit } from '../observe/limits.ts'
import type { Log } from '../observe/log.ts'
import type { Metrics } from '../observe/metrics.ts'
import type { Settings } from '../settings.ts'

/** A WebSocket that is asked to close must not stay for ws's 30 s: promised is 1 s. */
const CLOSE_GRACE_MS = 900
const CODE = 'limit/control-frame-rate'

/** @returns the `wsEngine` of Engine.IO */
export function limitControlFrames ({ onHeld, settings, metrics, log }: {
  /** What it was answered waits. */
  onHeld: (socket: WebSocket) => void
  settings: Settings
  metrics: Metrics
  log: Log
}): typeof WebSocketServer {
  /** Most clients never send one. */
  const rates = new WeakMap<WebSocket, Rate>()

  function isWithinRate (socket: WebSocket): boolean {
    const rate = rates.get(socket) ?? createRate(settings.CONTROL_FRAMES_PER_SECOND, settings.CONTROL_FRAME_BURST)
    rates.set(socket, rate)
    if (rate.take()) return true
    countLimit(metrics, 'control-frame-rate')
    metrics.disconnects.inc({ reason: CODE })
    log.warn({ code: CODE }, 'cut off a connection that sent too many control frames')
    socket.terminate()
    return false
  }

  function onControlFrame (socket: WebSocket, event: 'ping' | 'pong', data: unknown): void {
    if (socket.readyState !== WebSocket.OPEN || !isWithinRate(socket) || event === 'pong') return
    socket.pong(data)
    if (socket.bufferedAmount > 0) onHeld(socket)
  }

  class LimitedWebSocket extends WebSocket {
    // Not by listeners: each would cost every connection some hundred bytes, and hardly any client sends such frames.
    override emit (event: string, ...args: unknown[]): boolean {
      if (event === 'ping' || event === 'pong') onControlFrame(this, event, args[0])
      if (event === 'error' && (args[0] as { code?: string }).code === 'WS_ERR_UNSUPPORTED_MESSAGE_LENGTH') countLimit(metrics, 'packet-bytes')
      return super.emit(event, ...args)
    }
  }

  return class extends WebSocketServer {
    constructor (options: ServerOptions) {
      super({ ...options, WebSocket: LimitedWebSocket, autoPong: false, closeTimeout: CLOSE_GRACE_MS } as ServerOptions)
    }
  } as typeof WebSocketServer
}
