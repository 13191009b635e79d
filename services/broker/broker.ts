// The broker carries updates and keeps history and presence. Its interfaces, and the guarantees of both implementations.
import type { EventEmitter } from 'node:events'
import type { Collaborator, Receipt, StreamPosition } from '../wire/protocol.ts'
import type { RoomKey } from '../wire/rooms.ts'
import type { HookBroker } from './hooks.ts'
import type { Retention } from './retention.ts'

export type { Retention } from './retention.ts'

export interface PublishRequest {
  room: RoomKey
  event: string
  /** The payload as JSON text. */
  payloadJson: string
  userId: string
  /** The caller that `callerId` belongs to: equal ids of different callers are independent. */
  sub: string
  /** The caller's own id. Without one, the broker generates an id and does not remember it. */
  callerId?: string | undefined
  /** Default: from the settings. */
  retention?: Retention
  /** W3C `traceparent` of the publish, if it is traced. */
  trace?: string | undefined
}

/** An update with its place in the room. */
export interface StoredUpdate {
  kind: 'update'
  epoch: string
  offset: number
  /** Milliseconds since 1970, by the broker's clock. */
  publishedAt: number
  id: string
  event: string
  payload: unknown
  userId: string
  /** The update as members receive it, as JSON text. */
  json: string
  /** The `traceparent` of the publish, if it was traced. */
  trace?: unknown
}

/** An update that bypasses the feed: it has no offset, is not stored and is never repeated. */
export interface EphemeralUpdate {
  kind: 'ephemeral'
  epoch: string
  publishedAt: number
  id: string
  event: string
  payload: unknown
  userId: string
  /** The update as members receive it, as JSON text. */
  json: string
}

/** Who joined and left a room, sent by the instance they are connected to. */
export interface PresenceDelta {
  kind: 'presence'
  instance: string
  joined: PresenceEntry[]
  left: string[]
}

/** One socket of one user in one room. */
export interface PresenceEntry {
  socketId: string
  person: Omit<Collaborator, 'sessions'>
  /** The state that the session has set; absent if none. */
  state?: unknown
}

export type Message = StoredUpdate | EphemeralUpdate | PresenceDelta

export interface HistoryRead extends StreamPosition {
  /** Offset of the oldest update that is kept; undefined when none is kept. */
  oldest: number | undefined
  /** The kept updates after `since`, in order and without a hole from `since + 1` on, up to the limits. */
  updates: StoredUpdate[]
}

export interface HistoryLimits {
  maxUpdates: number
  maxBytes: number
}

/** Presence of a room by instance and socket id. */
export type PresenceSnapshot = Array<{ instance: string, entry: PresenceEntry }>

export interface BrokerEvents {
  /** Messages may be lost from now on, until `resumed`. */
  interrupted: []
  /** Every subscription is confirmed again. Messages may have been missed: compare positions. */
  resumed: []
}

/** Carries updates and keeps their history. */
export interface UpdateBroker {
  /**
   * In one atomic step: returns the first receipt if `callerId` is known; otherwise assigns the next offset, appends the
   * update to the room's history and sends it to every subscriber. Messages arrive in the order of offsets, and
   * consecutive calls get consecutive offsets.
   * @throws RoomcastError `broker/unavailable` (not published), `broker/timeout` (unknown; repeat with the same id);
   *   both within PUBLISH_TIMEOUT_MS
   */
  publish (publication: PublishRequest): Promise<Receipt>

  /**
   * Sends an update to every subscriber and stores nothing.
   * @throws RoomcastError as `publish` does
   */
  publishEphemeral (publication: PublishRequest): Promise<Receipt>

  /**
   * Once it resolves, every later message of the room reaches `onMessage`, in the order of offsets, except during
   * interruptions. A room has one subscription.
   * @throws RoomcastError `broker/unavailable`
   */
  subscribe (room: RoomKey, onMessage: (message: Message) => void): Promise<void>
  /** @throws RoomcastError `broker/unavailable` */
  unsubscribe (room: RoomKey): Promise<void>

  /**
   * Reads the rooms' positions. Creates a missing room at offset 0, and renews the life of each room: `roomSeconds`, or
   * `emptyRoomSeconds` if nothing was published yet.
   * Once it resolves, every message up to these positions that the present link will deliver has been delivered:
   * a feed that is behind its room now has a hole.
   * @returns in the order of `rooms`; undefined for a room that cannot be read
   * @throws RoomcastError `broker/unavailable` if no room can be read
   */
  touch (rooms: RoomKey[], retention?: Retention): Promise<Array<StreamPosition | undefined>>

  /**
   * Gives the same guarantees as `touch`, by plain reads: a room whose position is certain is not written to.
   * @throws RoomcastError `broker/unavailable`
   */
  positions (rooms: RoomKey[], retention?: Retention): Promise<Array<StreamPosition | undefined>>

  /**
   * Reads position and history in one atomic step. A missing room is created, and lives READ_ROOM_TTL_SECONDS.
   * @param caller callers take turns, and reads of one room wait for each other. Default: the room
   * @throws RoomcastError `broker/unavailable`
   */
  history (room: RoomKey, since: number, limits: HistoryLimits, caller?: string): Promise<HistoryRead>

  /**
   * Starts a new epoch if the room is still in `epoch`: of several calls, only the first has an effect.
   * @throws RoomcastError `broker/unavailable`, `broker/timeout`
   */
  renewEpoch (room: RoomKey, epoch: string): Promise<void>
}

/** Knows who is present in a room. Each method throws RoomcastError `broker/unavailable`; those that write, `broker/timeout` too. */
export interface PresenceBroker {
  /** Stores who of this instance joined and left a room, and tells every subscriber. */
  updatePresence (room: RoomKey, delta: Omit<PresenceDelta, 'kind' | 'instance'>): Promise<void>
  /** @param caller as for `history` */
  presence (room: RoomKey, caller?: string): Promise<PresenceSnapshot>
  /** Deletes the presence that a silent instance left behind in a room. */
  forgetPresence (room: RoomKey, instance: string, socketIds: string[]): Promise<void>
}

/** All of it over one link. */
export interface Broker extends UpdateBroker, PresenceBroker {
  readonly hooks: HookBroker
  readonly instance: string
  readonly events: EventEmitter<BrokerEvents>
  /** Replaces the links that deliver messages, because a probe got no echo. */
  reconnect (reason: string): void
  /** The reason why the broker cannot be used now; undefined when it can. */
  fault (): string | undefined
  close (): Promise<void>
}
