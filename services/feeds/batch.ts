// A batch: updates of a room that leave together, in one packet that is the same for all members.
import type { EphemeralUpdate, StoredUpdate } from '../broker/broker.ts'
import { joinPackets, type Entry, type Packet } from './packet.ts'

/** Updates of a room that a member gets together, in order. */
export interface Batch {
  readonly entries: ReadonlyArray<Entry<StoredUpdate | EphemeralUpdate>>
  readonly packet: Packet
  /** For sockets in this room alone that keep positions: the same for all of them. */
  readonly positioned: Packet
}

/** A batch whose packets are joined on first use. */
export function createBatch (entries: Batch['entries']): Batch {
  return new EntryBatch(entries)
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
    this.plain ??= joinPackets(this.entries.map(({ packet }) => packet))
    return this.plain
  }

  get positioned (): Packet {
    this.own ??= joinPackets(this.entries.map(({ positioned }) => positioned))
    return this.own
  }
}
