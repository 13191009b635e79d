// Relay: encodes the Socket.IO packet of a message once, so that every member is handed the same bytes.
import { Encoder, PacketType } from 'socket.io-parser'
import * as ws from 'ws'
import type { EphemeralUpdate, StoredUpdate } from '../broker/broker.ts'
import type { Update } from '../wire/protocol.ts'
import { RawJson } from '../wire/raw-json.ts'
import { roomEvent, roomName, type RoomKey } from '../wire/rooms.ts'

/** A packet as engine.io takes it, with the WebSocket frame made ahead as Socket.IO's own adapter does. */
export interface Packet {
  text: string
  options: { compress: boolean, wsPreEncodedFrame: Buffer[] }
  bytes: number
}

/** An update with its packet. */
export interface Entry<T extends StoredUpdate | EphemeralUpdate = StoredUpdate> {
  readonly update: T
  readonly packet: Packet
}

// ws exports its frame writer without a type.
const { Sender } = ws as unknown as { Sender: { frame: (data: Buffer, options: object) => Buffer[] } }
const TEXT_FRAME = { readOnly: false, mask: false, rsv1: false, opcode: 1, fin: true }
const ENGINE_MESSAGE = '4'
const encoder = new Encoder()

export function encodePacket (event: string, data: unknown): Packet {
  const text = data instanceof RawJson
    ? `${PacketType.EVENT}[${JSON.stringify(event)},${data.text}]`
    : encoder.encode({ type: PacketType.EVENT, nsp: '/', data: [event, data] })[0] as string
  // One buffer: header and body apart would cost each member a vectored write.
  const frame = Buffer.concat(Sender.frame(Buffer.from(ENGINE_MESSAGE + text), TEXT_FRAME))
  return { text, options: { compress: false, wsPreEncodedFrame: [frame] }, bytes: frame.length }
}

/** The packet is encoded when it is first needed, and kept with the entry. */
export function createEntry<T extends StoredUpdate | EphemeralUpdate> (room: RoomKey, update: T): Entry<T> {
  let packet: Packet | undefined
  return {
    update,
    get packet () {
      packet ??= encodePacket(roomEvent(room), publicUpdate(room, update))
      return packet
    }
  }
}

/** An update as the wire contract shows it; field by field, since the envelope of a newer version may hold more. */
export function publicUpdate (room: RoomKey, update: StoredUpdate | EphemeralUpdate): Update {
  const { event, payload, userId, id, epoch, publishedAt } = update
  const shown = { event, payload, userId, id, ...roomName(room), epoch, publishedAt }
  return update.kind === 'update' ? { ...shown, offset: update.offset } : shown
}
