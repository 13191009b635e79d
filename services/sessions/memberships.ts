// The rooms of a connection: how it joins and leaves them, and how the server ends a subscription.
import type { Attempt } from './attempts.ts'
import type { Feed } from '../feeds/feed.ts'
import type { Metrics } from '../observe/metrics.ts'
import type { Presence } from '../presence/presence.ts'
import type { Settings } from '../settings.ts'
import type { StreamPosition, SubscribeResult, UnsubscribedCode } from '../wire/protocol.ts'
import type { RoomKey, RoomName } from '../wire/rooms.ts'

export interface Memberships {
  has (room: RoomKey): boolean
  rooms (): RoomKey[]
  /** The position up to which this socket has received the room's updates; undefined if it is not a member. */
  position (room: RoomKey): StreamPosition | undefined
  /** The answer to a SUBSCRIBE that changes nothing; undefined if the room must be joined. */
  renewal (room: RoomKey, since: StreamPosition | undefined): SubscribeResult | undefined
  /** @throws RoomcastError `limit/rooms-per-socket` */
  assertRoomLimit (room: RoomKey): void
  /** @throws RoomcastError if the subscription is not allowed, or was ended meanwhile */
  join (feed: Feed, since: StreamPosition | undefined, attempt: Attempt, answer: (joined: SubscribeResult) => void): Promise<void>
  /**
   * Joins a room from `since` on. Call it only between `hold()` and `release()`.
   * @throws RoomcastError if not everything after `since` can be recovered, or the subscription is not allowed
   */
  recover (feed: Feed, since: StreamPosition, attempt: Attempt): Promise<void>
  /** The client leaves a room. Its room token is dropped too. */
  leave (room: RoomName): void
  /** The server ends a subscription and tells the client. */
  end (room: RoomName, code: UnsubscribedCode): void
  /** Applies changed capabilities: leaves a room that is no longer allowed, and adapts presence. */
  review (room: RoomName, code: UnsubscribedCode): void
  /** Delivers and tells nothing until `release()`, because the handshake is not answered yet. */
  hold (): void
  release (): void
  /** Sends an event that comes with a change of rooms, with the new positions if the client keeps them. */
  notify (event: 'application_response' | 'unsubscribed', data: object): void
  /** Leaves all rooms after the connection has ended. @param isForGood the client will not reconnect on its own */
  clear (isForGood: boolean): void
}

export interface MembershipContext {
  presence: Presence
  /** Sends the updates collected in this turn, because something else is about to be sent. */
  flush: () => void
  settings: Settings
  metrics: Metrics
}
