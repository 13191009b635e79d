// Where a feed stands in its room, and what it has seen beyond. Only its own methods move it.
import type { StoredUpdate } from '../broker/broker.ts'
import type { StreamPosition } from '../wire/protocol.ts'

export interface Cursor {
  readonly epoch: string
  /** The last offset relayed. */
  readonly offset: number
  /** Id of the update at `offset`; undefined right after the feed began. */
  readonly lastId: string | undefined
  /** The highest offset that was seen. */
  readonly ahead: number
  position (): StreamPosition
  /** Updates up to `ahead` have not been relayed: there is a hole. */
  isBehind (): boolean
  isAt (position: StreamPosition): boolean
  /** Relayed the update at the next offset. */
  advance (update: Pick<StoredUpdate, 'offset' | 'id'>): void
  /** The room in this epoch has at least this offset. */
  sawAhead (offset: number): void
  /** The room does not have what was seen ahead. */
  forgetAhead (): void
  /** Another epoch was seen, which may turn out to be ours. */
  sawForeignEpoch (seen: StreamPosition): void
  /** Begins anew; what was seen of this epoch before counts. */
  beginAt (found: StreamPosition): void
}

export function createCursor (): Cursor {
  let foreign: StreamPosition | undefined
  // Plain fields, not getters: there is one cursor a room, and getters would make it several times as large.
  const cursor = {
    epoch: '',
    offset: 0,
    lastId: undefined as string | undefined,
    ahead: 0,

    position: () => ({ epoch: cursor.epoch, offset: cursor.offset }),
    isBehind: () => cursor.ahead > cursor.offset,
    isAt: ({ epoch, offset }: StreamPosition) => epoch === cursor.epoch && offset === cursor.offset && !cursor.isBehind(),

    advance ({ offset, id }: Pick<StoredUpdate, 'offset' | 'id'>) {
      cursor.offset = offset
      cursor.lastId = id
    },

    sawAhead (offset: number) {
      cursor.ahead = Math.max(cursor.ahead, offset)
    },

    forgetAhead () {
      cursor.ahead = cursor.offset
    },

    sawForeignEpoch ({ epoch, offset }: StreamPosition) {
      const known = foreign?.epoch === epoch ? foreign.offset : 0
      foreign = { epoch, offset: Math.max(known, offset) }
    },

    beginAt ({ epoch, offset }: StreamPosition) {
      cursor.ahead = foreign?.epoch === epoch ? Math.max(foreign.offset, offset) : offset
      cursor.epoch = epoch
      cursor.offset = offset
      cursor.lastId = undefined
      foreign = undefined
    }
  }
  return cursor
}
