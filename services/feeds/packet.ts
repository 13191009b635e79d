// A packet for a connection, encoded once: as texts for long polling, and as WebSocket frames for all others.
import { Encoder, PacketType } from 'socket.io-parser'
import type { EphemeralUpdate, StoredUpdate } from '../broker/broker.ts'
import { RawJson } from '../wire/raw-json.ts'
import { roomEvent, type RoomKey } from '../wire/rooms.ts'

/** One or more Socket.IO packets that leave together. */
export interface Packet {
  /** The texts for Engine.IO, one per packet. */
  readonly texts: readonly string[]
  /** The same as WebSocket frames in one buffer, encoded on first use. */
  readonly frames: Buffer
  /** Length of `frames`. */
  readonly bytes: number
}

/** An update with its packet. */
export interface Entry<T extends StoredUpdate | EphemeralUpdate = StoredUpdate> {
  readonly update: T
  readonly packet: Packet
}

const ENGINE_MESSAGE = '4'.charCodeAt(0)
const FINAL_TEXT = 0x81
const encoder = new Encoder()

export function encodePacket (event: string, data: unknown): Packet {
  return createPacket([data instanceof RawJson
    ? `${PacketType.EVENT}[${JSON.stringify(event)},${data.text}]`
    : encoder.encode({ type: PacketType.EVENT, nsp: '/', data: [event, data] })[0] as string])
}

/** Creates an entry whose packet is encoded on first use. */
export function createEntry<T extends StoredUpdate | EphemeralUpdate> (room: RoomKey, update: T): Entry<T> {
  let packet: Packet | undefined
  return {
    update,
    get packet () {
      packet ??= createPacket([`${PacketType.EVENT}["${roomEvent(room)}",${update.json}]`])
      return packet
    }
  }
}

export function joinPackets (packets: readonly Packet[]): Packet {
  const [first] = packets
  return packets.length === 1 && first !== undefined ? first : createPacket(packets.flatMap(({ texts }) => texts))
}

function createPacket (texts: readonly string[]): Packet {
  const lengths = texts.map(text => Buffer.byteLength(text) + 1)
  const bytes = lengths.reduce((sum, length) => sum + headBytes(length) + length, 0)
  let frames: Buffer | undefined
  return {
    texts,
    bytes,
    get frames () {
      frames ??= encodeFrames(texts, lengths, bytes)
      return frames
    }
  }
}

/** Server frames: final, text, not masked (RFC 6455, section 5.2). */
function encodeFrames (texts: readonly string[], lengths: readonly number[], bytes: number): Buffer {
  const frames = Buffer.allocUnsafe(bytes)
  let at = 0
  for (const [i, text] of texts.entries()) {
    at = writeHead(frames, at, lengths[i] as number)
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
