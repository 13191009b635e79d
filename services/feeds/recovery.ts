// The rule of recovery, as one pure function. Its cases follow centrifuge's public recovery tests.
import type { StreamPosition } from '../wire/protocol.ts'

/** A room's position, and the offset of the oldest update in its history; undefined if none is kept. */
export interface Kept extends StreamPosition {
  oldest: number | undefined
}

/**
 * Whether everything after `since` can be delivered: the epoch is the same, `since` is not ahead of the room, and the
 * history reaches back to the update after `since`, if there is one.
 */
export function isRecoverable (since: StreamPosition, { epoch, offset, oldest }: Kept): boolean {
  if (since.epoch !== epoch || since.offset > offset) return false
  return since.offset === offset || (oldest !== undefined && oldest <= since.offset + 1)
}
