// One room that a connection is in, as the room's feed sees it.
import type { Feed } from '../feeds/feed.ts'
import type { Lock } from '../feeds/lock.ts'
import type { Member } from '../feeds/member.ts'
import type { Batch } from '../feeds/batch.ts'
import type { RoomKey } from '../wire/rooms.ts'
import type { ErrorCode } from '../wire/errors.ts'
import type { StreamPosition } from '../wire/protocol.ts'

/** The part of a connection that its members use. */
export interface MemberConnection {
  readonly caller: string
  readonly replayLock: Lock
  deliver (member: RoomMember, batch: Batch): void
  isFull (): boolean
  isLagging (): boolean
  whenDrained (callback: () => void): void
  onEnd (room: RoomKey, code: ErrorCode): void
}

/** A class: closures would cost each of the many members a kilobyte. */
export class RoomMember implements Member, StreamPosition {
  position = 0
  /** The epoch of its offsets. The membership ends before the room starts another epoch. */
  epoch = ''
  /** The offset where its recovery began, if the connection recovered it. A SUBSCRIBE from there on adds nothing. */
  began: number | undefined
  readonly feed: Feed
  private readonly connection: MemberConnection

  constructor (feed: Feed, connection: MemberConnection) {
    this.feed = feed
    this.connection = connection
  }

  get room (): RoomKey { return this.feed.room }
  get offset (): number { return this.position }
  get caller (): string { return this.connection.caller }
  get replayLock (): Lock { return this.connection.replayLock }
  deliver (batch: Batch): void { this.connection.deliver(this, batch) }
  isFull (): boolean { return this.connection.isFull() }
  isLagging (): boolean { return this.connection.isLagging() }
  whenDrained (callback: () => void): void { this.connection.whenDrained(callback) }
  end (code: ErrorCode): void { this.connection.onEnd(this.room, code) }
}
