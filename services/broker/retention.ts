// How much of a room is kept, and for how long.
import type { Settings } from '../settings.ts'

export interface Retention {
  historySize: number
  historySeconds: number
  /** After the last publish, and while the room has members. */
  roomSeconds: number
}

/** However short history is kept: positions are compared, and lives renewed, more often than this. */
const LEAST_EMPTY_SECONDS = 600

export function defaultRetention (settings: Settings): Retention {
  return {
    historySize: settings.HISTORY_SIZE,
    historySeconds: settings.HISTORY_TTL_SECONDS,
    roomSeconds: settings.ROOM_TTL_SECONDS
  }
}

/**
 * How long a room to which nothing was published outlives its last member: there is little to remember, but who was in
 * it may come back for as long as history is kept, and its life is not renewed all the time.
 */
export function emptyRoomSeconds ({ historySeconds, roomSeconds }: Retention): number {
  return Math.min(roomSeconds, Math.max(2 * historySeconds, LEAST_EMPTY_SECONDS))
}
