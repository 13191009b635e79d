// The rule of recovery, as one pure function. Cases follow centrifuge's public recovery tests.
import type { StreamPosition } from '../wire/protocol.ts'

/** What a room has: its position, and the offset of the oldest update in its history (undefined: none is kept). */
export interface Kept extends StreamPosition {
  oldest: number | undefined
}

/**
 * Whether everything after `since` can be delivered: same epoch, not ahead of the room, and history reaches
 * back to the update right after `since`, or there is none.
 */
export function isRecoverable (since: StreamPosition, { epoch, offset, oldest }: Kept): boolean {
  if (since.epoch !== epoch || since.offset > offset) return false
  return since.offset === offset || (oldest !== undefined && oldest <= since.offset + 1)
}
