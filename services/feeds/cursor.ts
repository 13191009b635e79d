// Where a feed stands in its room, and what it has seen beyond.
import type { StreamPosition } from '../wire/protocol.ts'

export interface Cursor {
  epoch: string
  /** The last offset relayed. */
  position: number
  /** Id of the update at `position`; unknown right after the feed began. */
  lastId: string | undefined
  /** Highest offset that was seen but could not be relayed: there is a hole up to it. */
  ahead: number
  /** Highest position seen of another epoch, which may turn out to be ours. */
  foreignEpoch: StreamPosition | undefined
}

export function createCursor (): Cursor {
  return { epoch: '', position: 0, lastId: undefined, ahead: 0, foreignEpoch: undefined }
}

export function beginAt (cursor: Cursor, { epoch, offset }: StreamPosition): void {
  const { foreignEpoch } = cursor
  const ahead = foreignEpoch?.epoch === epoch ? Math.max(foreignEpoch.offset, offset) : offset
  Object.assign(cursor, { epoch, position: offset, lastId: undefined, ahead, foreignEpoch: undefined })
}

export function sawForeignEpoch (cursor: Cursor, { epoch, offset }: StreamPosition): void {
  const known = cursor.foreignEpoch?.epoch === epoch ? cursor.foreignEpoch.offset : 0
  cursor.foreignEpoch = { epoch, offset: Math.max(known, offset) }
}

export function positionOf ({ epoch, position }: Cursor): StreamPosition {
  return { epoch, offset: position }
}
