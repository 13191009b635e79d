// A member of a room, as seen by the feed.
import type { ErrorCode } from '../wire/errors.ts'
import type { Lock } from './lock.ts'
import type { Batch } from './relay.ts'

export interface Member {
  /** Offset of the last update delivered; set by the feed. */
  position: number
  /** The caller of its history reads: callers take turns. */
  readonly caller?: string
  /** Shared by the members of one connection. */
  readonly replayLock?: Lock
  deliver (batch: Batch): void
  /** Whether its send buffer is so full that it is served at its own pace. */
  isFull (): boolean
  /** Whether its send buffer is so full that it gets no ephemeral updates. */
  isLagging (): boolean
  /** Calls back once, when it is no longer full or has left. */
  whenDrained (callback: () => void): void
  /** Ends the membership. The feed has already removed the member. */
  end (code: ErrorCode): void
}
