// How a member gets into its room: what it says when its connection opens, and which message tells that it is in.
import { openWire, type Wire } from './wire.ts'

export interface LoadRoom {
  workspaceId: string
  appId: string
}

/** Socket.IO with an event that subscribes and is acknowledged, or a bare WebSocket with one message each way. */
export interface Dialect {
  kind: 'socket.io' | 'raw'
  path: string
  /** What CONNECT carries. */
  auth?: () => object
  subscribe: (room: LoadRoom) => unknown
}

export interface MemberEvents {
  /** Once it is in: a message that may hold an update. The view holds only during the call. */
  onMessage (buffer: Buffer, start: number, end: number): void
  onClose (error: Error | undefined): void
}

// Packets of Engine.IO, and those of Socket.IO within its messages, by their first characters.
const [OPEN, PING, MESSAGE] = [48, 50, 52]
const [CONNECTED, EVENT, ACK, ERROR] = [48, 50, 51, 52]

/** Connects and subscribes; resolves when the server has confirmed the subscription. */
export async function joinRoom (port: number, dialect: Dialect, room: LoadRoom, { onMessage, onClose }: MemberEvents): Promise<Wire> {
  let isIn = false
  return await new Promise((resolve, reject) => {
    const enter = () => {
      isIn = true
      resolve(wire)
    }
    const wire = openWire({ port, path: dialect.path }, {
      onOpen () { if (dialect.kind === 'raw') wire.send(JSON.stringify(dialect.subscribe(room))) },
      onText (buffer, start, end) {
        if (dialect.kind === 'socket.io') return onPacket(buffer, start, end)
        if (isIn) onMessage(buffer, start, end)
        else enter()
      },
      onClose (error) {
        if (isIn) onClose(error)
        else reject(error ?? new Error('closed before it was in the room'))
      }
    })

    function onPacket (buffer: Buffer, start: number, end: number): void {
      if (buffer[start] === PING) wire.send('3')
      else if (buffer[start] === OPEN) wire.send(`40${dialect.auth === undefined ? '' : JSON.stringify(dialect.auth())}`)
      else if (buffer[start] === MESSAGE) onMessagePacket(buffer[start + 1], buffer, start, end)
    }

    function onMessagePacket (kind: number | undefined, buffer: Buffer, start: number, end: number): void {
      if (kind === EVENT && isIn) return onMessage(buffer, start, end)
      if (kind === CONNECTED) return wire.send(`420${JSON.stringify(dialect.subscribe(room))}`)
      if (kind !== ERROR && (kind !== ACK || isIn)) return
      const answer = buffer.toString('utf8', start, end)
      if (kind === ERROR || answer.includes('"ERROR"')) reject(new Error(`refused: ${answer}`))
      else enter()
    }
  })
}
