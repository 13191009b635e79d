// A packet for a connection, encoded once: as texts for long polling, and as WebSocket frames for all others.
import { Encoder, PacketType } from 'socket.io-parser'
import { RawJson } from '../wire/raw-json.ts'

/** One or more Socket.IO packets that leave together. */
export interface Packet {
  /** The texts for Engine.IO, one per packet. */
  readonly texts: readonly string[]
  /** The same as WebSocket frames in one buffer, encoded on first use. */
  readonly frames: Buffer
  /** Length of `frames`. */
  readonly bytes: number
}

const ENGINE_MESSAGE = '4'.charCodeAt(0)
const FINAL_TEXT = 0x81
const encoder = new Encoder()

export function encodePacket (event: string, data: unknown): Packet {
  return packetOf([data instanceof RawJson
    ? `${PacketType.EVENT}[${JSON.stringify(event)},${data.text}]`
    : encoder.encode({ type: PacketType.EVENT, nsp: '/', data: [event, data] })[0] as string])
}

/** @param texts Socket.IO packets that leave together */
export function packetOf (texts: readonly string[]): Packet {
  return new TextPacket(texts)
}

class TextPacket implements Packet {
  readonly texts: readonly string[]
  readonly bytes: number
  private encoded: Buffer | undefined

  constructor (texts: readonly string[]) {
    this.texts = texts
    this.bytes = 0
    for (const text of texts) {
      const length = Buffer.byteLength(text) + 1
      this.bytes += headBytes(length) + length
    }
  }

  get frames (): Buffer {
    this.encoded ??= encodeFrames(this.texts, this.bytes)
    return this.encoded
  }
}

/** Server frames: final, text, not masked (RFC 6455, section 5.2). */
function encodeFrames (texts: readonly string[], bytes: number): Buffer {
  const frames = Buffer.allocUnsafe(bytes)
  let at = 0
  for (const text of texts) {
    at = writeHead(frames, at, Buffer.byteLength(text) + 1)
    frames[at++] = ENGINE_MESSAGE
    at += frames.write(text, at)
  }
  return frames
}

function headBytes (length: number): number {
  return length < 126 ? 2 : length < 65_536 ? 4 : 10
}

function writeHead (frames: Buffer, at: number, length: number): number {
  frames[at] = FINAL_TEXT
  if (length < 126) return frames.writeUInt8(length, at + 1)
  if (length < 65_536) {
    frames[at + 1] = 126
    return frames.writeUInt16BE(length, at + 2)
  }
  frames[at + 1] = 127
  return frames.writeBigUInt64BE(BigInt(length), at + 2)
}
