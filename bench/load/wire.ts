// A thin WebSocket client over plain TCP: one read buffer for all sockets, and messages handed out as views into it, so
// that the client stays much cheaper than the servers it measures.
import { randomBytes } from 'node:crypto'
import { connect } from 'node:net'
import { HOST } from '../../test/helpers/ports.ts'

const readBuffer = Buffer.allocUnsafe(256 * 1024)
const TEXT = 1
const CLOSE = 8
const PING = 9
const PONG = 10

export interface WireEvents {
  onOpen (): void
  /** A text message; the view holds only during the call. */
  onText (buffer: Buffer, start: number, end: number): void
  /** Once, with what was wrong if anything was. */
  onClose (error: Error | undefined): void
}

export interface Wire {
  send (text: string): void
  close (): void
}

export interface WireOptions {
  port: number
  path: string
  /** One of the many loopback addresses, where a proxy limits what comes from one. */
  localAddress?: string | undefined
}

export function openWire ({ port, path, localAddress }: WireOptions, { onOpen, onText, onClose }: WireEvents): Wire {
  let isUpgraded = false
  let rest: Buffer | undefined
  let failure: Error | undefined

  const socket = connect({
    host: HOST,
    port,
    noDelay: true,
    ...localAddress !== undefined && { localAddress },
    onread: {
      buffer: readBuffer,
      callback (count, shared) {
        const bytes = rest === undefined ? shared as Buffer : Buffer.concat([rest, (shared as Buffer).subarray(0, count)])
        const end = rest === undefined ? count : bytes.length
        const at = isUpgraded ? readFrames(bytes, 0, end) : readUpgrade(bytes, end)
        rest = at < end ? Buffer.from(bytes.subarray(at, end)) : undefined
        return true
      }
    }
  })
  socket.on('error', error => { failure = error })
  socket.once('close', () => onClose(failure))
  socket.write([
    `GET ${path} HTTP/1.1`, `Host: ${HOST}:${port}`, 'Upgrade: websocket', 'Connection: Upgrade', 'Sec-WebSocket-Version: 13',
    `Sec-WebSocket-Key: ${randomBytes(16).toString('base64')}`, '', ''
  ].join('\r\n'))

  function readUpgrade (bytes: Buffer, end: number): number {
    const head = bytes.toString('latin1', 0, end)
    const length = head.indexOf('\r\n\r\n') + 4
    if (length < 4) return 0
    if (!head.startsWith('HTTP/1.1 101')) {
      socket.destroy(new Error(`refused: ${head.slice(0, head.indexOf('\r\n'))}`))
      return end
    }
    isUpgraded = true
    onOpen()
    return readFrames(bytes, length, end)
  }

  /** @returns where the first frame begins that is not whole yet */
  function readFrames (bytes: Buffer, from: number, end: number): number {
    let at = from
    while (end - at >= 2) {
      const short = bytes.readUInt8(at + 1) & 127
      const headBytes = short < 126 ? 2 : short === 126 ? 4 : 10
      if (end - at < headBytes) break
      const length = short < 126 ? short : short === 126 ? bytes.readUInt16BE(at + 2) : bytes.readUIntBE(at + 4, 6)
      const start = at + headBytes
      if (start + length > end) break
      const opcode = bytes.readUInt8(at) & 15
      if (opcode === TEXT) onText(bytes, start, start + length)
      else if (opcode === PING) socket.write(clientFrame(bytes.subarray(start, start + length), PONG))
      else if (opcode === CLOSE) socket.end()
      at = start + length
    }
    return at
  }

  return {
    send: text => { socket.write(clientFrame(Buffer.from(text), TEXT)) },
    close: () => { socket.destroy() }
  }
}

/** With a mask of zeros, which changes no byte. */
function clientFrame (body: Buffer, opcode: number): Buffer {
  const head = body.length < 126
    ? Buffer.from([0x80 | opcode, 0x80 | body.length])
    : Buffer.from([0x80 | opcode, 0x80 | 126, body.length >> 8, body.length & 255])
  return Buffer.concat([head, Buffer.alloc(4), body])
}
