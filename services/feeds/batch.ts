// Updates of a room as its members get them: a batch is what leaves together, in one packet that is the same for all members.
import { PacketType } from 'socket.io-parser'
import type { EphemeralUpdate, StoredUpdate } from '../broker/broker.ts'
import { positionText } from '../wire/positions.ts'
import { roomEvent, type RoomKey } from '../wire/rooms.ts'
import { packetOf, type Packet } from './packet.ts'

/** An update of a room. Feeds keep thousands of them, so it holds the update's text and nothing that is made of it. */
export interface Entry<T extends StoredUpdate | EphemeralUpdate = StoredUpdate> {
  readonly update: T
  /** Length of the update's text. */
  readonly bytes: number
  /** A batch of this update, for members that are served at their own pace. It is kept, because they share it. */
  readonly alone: Batch
  /**
   * Its Socket.IO packet.
   * @param others adds the update's position as second argument, and these of the socket's other rooms; an ephemeral update has none
   */
  text (others?: string): string
}

/** Updates of a room that a member gets together, in order. Its packets are encoded on first use. */
export interface Batch {
  readonly entries: ReadonlyArray<Entry<StoredUpdate | EphemeralUpdate>>
  readonly packet: Packet
  /** For sockets in this room alone that keep positions: the same for all of them. */
  readonly positioned: Packet
  /** @param others positions of the other rooms of a socket */
  positionedWith (others: string): Packet
}

export function createEntry<T extends StoredUpdate | EphemeralUpdate> (room: RoomKey, update: T): Entry<T> {
  return new RoomEntry(room, update)
}

export function createBatch (entries: Batch['entries']): Batch {
  return new EntryBatch(entries)
}

/** A class: the getters of an object literal are a hidden class for each object, and there is an entry for each update. */
class RoomEntry<T extends StoredUpdate | EphemeralUpdate> implements Entry<T> {
  readonly update: T
  readonly bytes: number
  private readonly room: RoomKey
  private lone: Batch | undefined

  constructor (room: RoomKey, update: T) {
    this.room = room
    this.update = update
    this.bytes = Buffer.byteLength(update.json)
  }

  get alone (): Batch {
    this.lone ??= createBatch([this])
    return this.lone
  }

  text (others?: string): string {
    const { room, update } = this
    const start = `${PacketType.EVENT}["${roomEvent(room)}",${update.json}`
    if (others === undefined || update.kind !== 'update') return `${start}]`
    const own = positionText(room, update)
    // ASCII without quotes.
    return `${start},"${others === '' ? own : `${own};${others}`}"]`
  }
}

/** A class, as an entry. */
class EntryBatch implements Batch {
  readonly entries: Batch['entries']
  private plain: Packet | undefined
  private own: Packet | undefined

  constructor (entries: Batch['entries']) {
    this.entries = entries
  }

  get packet (): Packet {
    this.plain ??= packetOf(this.entries.map(entry => entry.text()))
    return this.plain
  }

  get positioned (): Packet {
    this.own ??= this.positionedWith('')
    return this.own
  }

  positionedWith (others: string): Packet {
    return packetOf(this.entries.map(entry => entry.text(others)))
  }
}
