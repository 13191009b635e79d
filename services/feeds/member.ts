// A member of a room on this instance, as its feed sees it.
import type { EphemeralUpdate } from '../broker/broker.ts'
import type { ErrorCode } from '../wire/errors.ts'
import type { Lock } from './lock.ts'
import type { Entry } from './packet.ts'

export interface Member {
  /** Offset of the last update that was handed over; the feed keeps it. */
  position: number
  /** For whom history is read: callers take turns. */
  readonly caller?: string
  /** Shared by the members of one connection. */
  readonly replayLock?: Lock
  deliver (entry: Entry): void
  deliverEphemeral (entry: Entry<EphemeralUpdate>): void
  /** Bytes handed over that have not left yet. */
  waiting (): number
  /** Calls back once when few enough bytes wait, or when the member is gone. */
  whenDrained (callback: () => void): void
  /** The membership is over; the feed has already forgotten the member. */
  end (code: ErrorCode): void
}
