// A packet for a connection, encoded once: as texts for long polling, and as WebSocket frames for all others.
import { Encoder, PacketType } from 'socket.io-parser'
import type { EphemeralUpdate, StoredUpdate } from '../broker/broker.ts'
import { RawJson } from '../wire/raw-json.ts'
import { positionText } from '../wire/positions.ts'
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

/** An update with its packets. */
export interface Entry<T extends StoredUpdate | EphemeralUpdate = StoredUpdate> {
  readonly update: T
  readonly packet: Packet
  /** For a socket in this room alone that keeps positions: the update's own is the second argument. */
  readonly positioned: Packet
}

const ENGINE_MESSAGE = '4'.charCodeAt(0)
const FINAL_TEXT = 0x81
const encoder = new Encoder()

export function encodePacket (event: string, data: unknown): Packet {
  return new TextPacket([data instanceof RawJson
    ? `${PacketType.EVENT}[${JSON.stringify(event)},${data.text}]`
    : encoder.encode({ type: PacketType.EVENT, nsp: '/', data: [event, data] })[0] as string])
}

/** Creates an entry whose packets are encoded on first use. */
export function createEntry<T extends StoredUpdate | EphemeralUpdate> (room: RoomKey, update: T): Entry<T> {
  return new RoomEntry(room, update)
}

/** A class: the getters of an object literal are a hidden class for each object, and there is an entry for each update. */
class RoomEntry<T extends StoredUpdate | EphemeralUpdate> implements Entry<T> {
  readonly update: T
  private readonly room: RoomKey
  private plain: Packet | undefined
  private own: Packet | undefined

  constructor (room: RoomKey, update: T) {
    this.room = room
    this.update = update
  }

  get packet (): Packet {
    this.plain ??= new TextPacket([`${PacketType.EVENT}["${roomEvent(this.room)}",${this.update.json}]`])
    return this.plain
  }

  get positioned (): Packet {
    this.own ??= withPosition(this, this.room)
    return this.own
  }
}

/**
 * The entry's packet with positions as its second argument; an ephemeral update moves none.
 * @param others positions of the other rooms of the socket
 */
export function withPosition ({ update, packet }: Entry<StoredUpdate | EphemeralUpdate>, room: RoomKey, others = ''): Packet {
  if (update.kind !== 'update') return packet
  const position = positionText(room, update)
  // ASCII without quotes.
  return new TextPacket(packet.texts, `,"${others === '' ? position : `${position};${others}`}"]`)
}

export function joinPackets (packets: readonly Packet[]): Packet {
  const [first] = packets
  return packets.length === 1 && first !== undefined ? first : new TextPacket(packets.flatMap(({ texts }) => texts))
}

class TextPacket implements Packet {
  readonly bytes: number
  private readonly given: readonly string[]
  private readonly end: string
  private encoded: Buffer | undefined

  /** @param end takes the place of each text's last character; texts with it are made anew for whoever asks, and not kept beside those without */
  constructor (given: readonly string[], end = '') {
    this.given = given
    this.end = end
    this.bytes = 0
    for (const text of given) {
      const length = Buffer.byteLength(text) + Math.max(1, end.length)
      this.bytes += headBytes(length) + length
    }
  }

  get texts (): readonly string[] {
    return this.end === '' ? this.given : this.given.map(text => text.slice(0, -1) + this.end)
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
