// A WebSocket server for Engine.IO that limits the rate of control frames. Each answer to a ping is buffered for a client
// that does not read, but Engine.IO does not see it.
import { WebSocket, WebSocketServer, type ServerOptions } from 'ws'
import { createRate, type Rate } from '../access/rate.ts'
import { countLimit } from '../observe/limits.ts'
import type { Log } from '../observe/log.ts'
import type { Metrics } from '../observe/metrics.ts'
import type { Settings } from '../settings.ts'

/** The time to close a WebSocket. ws would wait 30 s, but connections must end within 1 s. */
const CLOSE_GRACE_MS = 900
const CODE = 'limit/control-frame-rate'

/** @returns the `wsEngine` of Engine.IO */
export function limitControlFrames ({ onHeld, settings, metrics, log }: {
  /** Called when an answer is waiting in the socket. */
  onHeld: (socket: WebSocket) => void
  settings: Settings
  metrics: Metrics
  log: Log
}): typeof WebSocketServer {
  /** Created on the first control frame: most clients never send one. */
  const rates = new WeakMap<WebSocket, Rate>()

  function isWithinRate (socket: WebSocket): boolean {
    const rate = rates.get(socket) ?? createRate(settings.CONTROL_FRAMES_PER_SECOND, settings.CONTROL_FRAME_BURST)
    rates.set(socket, rate)
    if (rate.take()) return true
    countLimit(metrics, 'control-frame-rate')
    metrics.disconnects.inc({ reason: CODE })
    log.warn({ code: CODE }, 'cut off a connection that sent too many control frames: look at the client')
    socket.terminate()
    return false
  }

  function onControlFrame (socket: WebSocket, event: 'ping' | 'pong', data: unknown): void {
    if (socket.readyState !== WebSocket.OPEN || !isWithinRate(socket) || event === 'pong') return
    socket.pong(data)
    if (socket.bufferedAmount > 0) onHeld(socket)
  }

  class LimitedWebSocket extends WebSocket {
    // Overrides `emit` instead of adding listeners, which would cost each connection some hundred bytes.
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
