// The send buffer of one connection: how much waits in it, whether it drains, and how to cut it off.
import type { Socket } from 'socket.io'
import type { Packet } from '../feeds/packet.ts'

type Connection = Socket['conn']

export interface SendBuffer {
  send (packet: Packet): void
  /** Bytes handed over that the transport has not passed on yet. */
  waiting (): number
  /** Of those, what waited before this turn of the event loop: nobody can drain within one turn. */
  lagging (): number
  /** Calls back once when at most `lowBytes` wait, or when the connection is over. */
  whenDrained (callback: () => void): void
  /**
   * Milliseconds for which something waits and nothing has left.
   * @param elapsedMs since this was last asked
   */
  stalledMs (elapsedMs: number): number
  /** Ends the connection at once and frees what waits. */
  terminate (): void
}

/** What ws and Node know of a WebSocket's queue below engine.io; the handle's count also moves inside one large write. */
interface WebSocketTransport {
  socket?: { bufferedAmount: number, terminate: () => void, _socket?: { _handle?: { writeQueueSize?: number } | null } }
}

interface EnginePacket { data?: string, options?: { wsPreEncodedFrame?: Buffer[] } }

export function createSendBuffer (connection: Connection, lowBytes: number): SendBuffer {
  let queued = 0
  let inFlight = 0
  let ofThisTurn = 0
  let lastTurn = 0
  let drains = 0
  let callbacks: Array<() => void> = []
  let lastMark = ''
  let stalled = 0

  connection.on('packetCreate', (packet: EnginePacket) => {
    const bytes = bytesOf(packet)
    queued += bytes
    ofThisTurn = addedThisTurn() + bytes
  })
  connection.on('flush', () => {
    inFlight += queued
    queued = 0
  })
  connection.on('upgrade', watch)
  connection.on('close', () => {
    queued = inFlight = 0
    callBack()
  })
  watch(connection.transport)

  function watch (transport: Connection['transport']): void {
    inFlight = 0
    transport.on('drain', () => {
      inFlight = 0
      drains++
      if (callbacks.length > 0 && waiting() <= lowBytes) callBack()
    })
  }

  function addedThisTurn (): number {
    if (lastTurn !== currentTurn()) {
      lastTurn = currentTurn()
      ofThisTurn = 0
    }
    return ofThisTurn
  }

  function waiting (): number {
    return queued + inFlight
  }

  function callBack (): void {
    const due = callbacks
    callbacks = []
    // In a turn of their own: a drain is announced in the middle of engine.io's own work.
    for (const callback of due) setImmediate(callback)
  }

  /** Changes whenever bytes have left. */
  function mark (): string {
    const { socket } = connection.transport as unknown as WebSocketTransport
    return `${drains} ${socket?._socket?._handle?.writeQueueSize ?? 0}`
  }

  return {
    send (packet) {
      connection.write(packet.text, packet.options)
    },
    waiting,
    lagging: () => Math.max(0, waiting() - addedThisTurn()),
    whenDrained (callback) {
      callbacks.push(callback)
      if (waiting() <= lowBytes || connection.readyState === 'closed') callBack()
    },
    stalledMs (elapsedMs) {
      if (waiting() === 0) {
        stalled = 0
        return stalled
      }
      const latest = mark()
      stalled = latest !== lastMark ? 0 : stalled + elapsedMs
      lastMark = latest
      return stalled
    },
    terminate: () => terminate(connection)
  }
}

function bytesOf ({ data = '', options }: EnginePacket): number {
  const frame = options?.wsPreEncodedFrame
  return frame === undefined ? Buffer.byteLength(data) + 1 : frame.reduce((sum, part) => sum + part.length, 0)
}

let turn = 0
let isTurnCounted = false

/** A number for this turn of the event loop, the same for all connections. */
function currentTurn (): number {
  if (!isTurnCounted) {
    isTurnCounted = true
    setImmediate(() => {
      isTurnCounted = false
      turn++
    })
  }
  return turn
}

/** Ends a connection at once, whether or not its client reads. */
export function terminate (connection: Connection): void {
  const { socket } = connection.transport as unknown as WebSocketTransport
  if (socket === undefined) connection.close(true)
  else socket.terminate()
}
