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
  let epoch = ''
  let offset = 0
  let lastId: string | undefined
  let ahead = 0
  let foreign: StreamPosition | undefined

  return {
    get epoch () { return epoch },
    get offset () { return offset },
    get lastId () { return lastId },
    get ahead () { return ahead },
    position: () => ({ epoch, offset }),
    isBehind: () => ahead > offset,
    isAt: position => position.epoch === epoch && position.offset === offset && ahead <= offset,

    advance (update) {
      offset = update.offset
      lastId = update.id
    },

    sawAhead (seen) {
      ahead = Math.max(ahead, seen)
    },

    forgetAhead () {
      ahead = offset
    },

    sawForeignEpoch (seen) {
      const known = foreign?.epoch === seen.epoch ? foreign.offset : 0
      foreign = { epoch: seen.epoch, offset: Math.max(known, seen.offset) }
    },

    beginAt (found) {
      ahead = foreign?.epoch === found.epoch ? Math.max(foreign.offset, found.offset) : found.offset
      epoch = found.epoch
      offset = found.offset
      lastId = undefined
      foreign = undefined
    }
  }
}
