// The SUBSCRIBEs of one connection that have come in and are not answered yet: what ends a subscription ends them too.
import { RoomcastError, type ErrorCode } from '../wire/errors.ts'
import type { RoomKey } from '../wire/rooms.ts'

export interface Attempt {
  /** @throws RoomcastError with the code by which it was ended meanwhile */
  assertStanding (): void
  /** It has been answered. */
  done (): void
}

/** Of a request that nothing but the end of its connection ends. */
export const NO_ATTEMPT: Attempt = { assertStanding () {}, done () {} }

export function createAttempts () {
  const byRoom = new Map<RoomKey, Set<{ endedBy: ErrorCode | undefined }>>()

  return {
    has: (room: RoomKey): boolean => byRoom.has(room),

    begin (room: RoomKey): Attempt {
      const attempt: { endedBy: ErrorCode | undefined } = { endedBy: undefined }
      const others = byRoom.get(room) ?? new Set()
      byRoom.set(room, others.add(attempt))
      return {
        assertStanding () {
          if (attempt.endedBy !== undefined) throw new RoomcastError(attempt.endedBy)
        },
        done () {
          others.delete(attempt)
          if (others.size === 0) byRoom.delete(room)
        }
      }
    },

    end (room: RoomKey, code: ErrorCode): void {
      for (const attempt of byRoom.get(room) ?? []) attempt.endedBy ??= code
    }
  }
}
