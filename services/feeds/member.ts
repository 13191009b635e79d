// A member of a room on this instance, as its feed sees it.
import type { ErrorCode } from '../wire/errors.ts'
import type { Lock } from './lock.ts'
import type { Batch } from './relay.ts'

export interface Member {
  /** Offset of the last update that was handed over; the feed keeps it. */
  position: number
  /** For whom history is read: callers take turns. */
  readonly caller?: string
  /** Shared by the members of one connection. */
  readonly replayLock?: Lock
  deliver (batch: Batch): void
  /** So much waits for it that it is served at its own pace. */
  isFull (): boolean
  /** So much waits for it that ephemeral updates are left out. */
  isLagging (): boolean
  /** Calls back once when it is not full, or when it is gone. */
  whenDrained (callback: () => void): void
  /** The membership is over; the feed has already forgotten the member. */
  end (code: ErrorCode): void
}
