// How much of a room is kept, and for how long.
import type { Settings } from '../settings.ts'

export interface Retention {
  historySize: number
  historySeconds: number
  /** How long a room lives after its last publish. Renewed while it has members. */
  roomSeconds: number
}

/** Longer than the interval of position checks, which renew the life of rooms, however short the history is. */
const LEAST_EMPTY_SECONDS = 600

export function defaultRetention (settings: Settings): Retention {
  return {
    historySize: settings.HISTORY_SIZE,
    historySeconds: settings.HISTORY_TTL_SECONDS,
    roomSeconds: settings.ROOM_TTL_SECONDS
  }
}

/**
 * How long a room without any publish outlives its last member, in seconds. There is little to remember, but its members
 * may come back while history would be kept, and its life is renewed only now and then.
 */
export function emptyRoomSeconds ({ historySeconds, roomSeconds }: Retention): number {
  return Math.min(roomSeconds, Math.max(2 * historySeconds, LEAST_EMPTY_SECONDS))
}
