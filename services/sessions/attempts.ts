// The unanswered SUBSCRIBEs of one connection. Whatever ends a subscription ends them too.
import { RoomcastError, type ErrorCode } from '../wire/errors.ts'
import type { RoomKey } from '../wire/rooms.ts'

export interface Attempt {
  /** @throws RoomcastError with the code that ended the subscription meanwhile */
  assertStanding (): void
  /** Call it when the request was answered. */
  done (): void
}

export interface Attempts {
  has (room: RoomKey): boolean
  begin (room: RoomKey): Attempt
  end (room: RoomKey, code: ErrorCode): void
  endAll (code: ErrorCode): void
}

/** For requests that only the end of the connection can end. */
export const NO_ATTEMPT: Attempt = { assertStanding () {}, done () {} }

export function createAttempts (): Attempts {
  return new OpenAttempts()
}

interface Open {
  endedBy: ErrorCode | undefined
}

/** A class that keeps nothing between attempts, because each connection has one. */
class OpenAttempts implements Attempts {
  private byRoom: Map<RoomKey, Set<Open>> | undefined

  has (room: RoomKey): boolean {
    return this.byRoom?.has(room) ?? false
  }

  begin (room: RoomKey): Attempt {
    const attempt: Open = { endedBy: undefined }
    const byRoom = this.byRoom ??= new Map()
    const others = byRoom.get(room) ?? new Set<Open>()
    byRoom.set(room, others.add(attempt))
    return {
      assertStanding () {
        if (attempt.endedBy !== undefined) throw new RoomcastError(attempt.endedBy)
      },
      done: () => {
        others.delete(attempt)
        if (others.size === 0) byRoom.delete(room)
        if (byRoom.size === 0) this.byRoom = undefined
      }
    }
  }

  end (room: RoomKey, code: ErrorCode): void {
    for (const attempt of this.byRoom?.get(room) ?? []) attempt.endedBy ??= code
  }

  endAll (code: ErrorCode): void {
    for (const room of this.byRoom?.keys() ?? []) this.end(room, code)
  }
}
