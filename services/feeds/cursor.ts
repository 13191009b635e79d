// The position of a feed in its room, and the highest offset seen. Only the cursor's own methods change it.
import type { StoredUpdate } from '../broker/broker.ts'
import type { StreamPosition } from '../wire/protocol.ts'

export interface Cursor {
  readonly epoch: string
  /** The last offset relayed. */
  readonly offset: number
  /** Id of the update at `offset`; undefined right after the feed has started. */
  readonly lastId: string | undefined
  /** The highest offset that was seen in this epoch. */
  readonly ahead: number
  position (): StreamPosition
  /** Whether there is a hole: updates up to `ahead` have not been relayed. */
  isBehind (): boolean
  isAt (position: StreamPosition): boolean
  /** Records that the update at the next offset was relayed. */
  advance (update: Pick<StoredUpdate, 'offset' | 'id'>): void
  /** Records that the room has reached this offset in this epoch. */
  sawAhead (offset: number): void
  /** Drops the hole, because the room does not have these updates. */
  forgetAhead (): void
  /** Records a position in another epoch, which may become the feed's epoch. */
  sawForeignEpoch (seen: StreamPosition): void
  /** Restarts at a position. Offsets seen in its epoch before still count. */
  beginAt (found: StreamPosition): void
}

export function createCursor (): Cursor {
  let foreign: StreamPosition | undefined
  // Plain fields instead of getters: each room has a cursor, and getters would make it several times as large.
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
