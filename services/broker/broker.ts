// What carries updates and keeps history and presence: the interface, and the guarantees that both implementations give.
import type { EventEmitter } from 'node:events'
import type { Collaborator, Receipt, StreamPosition } from '../wire/protocol.ts'
import type { RoomKey } from '../wire/rooms.ts'
import type { Retention } from './retention.ts'

export type { Retention } from './retention.ts'

export interface PublishRequest {
  room: RoomKey
  event: string
  /** The payload as JSON text. */
  payloadJson: string
  userId: string
  /** Whose `callerId` it is: ids of different callers never meet. */
  sub: string
  /** The caller's own id. Without it the broker makes one, which it does not remember. */
  callerId?: string | undefined
  /** Default: what the settings say. */
  retention?: Retention
  /** W3C `traceparent` of the publish, where it is traced. */
  trace?: string | undefined
}

/** An update with its place in the room. */
export interface StoredUpdate {
  kind: 'update'
  epoch: string
  offset: number
  publishedAt: number
  id: string
  event: string
  payload: unknown
  userId: string
  /** The update as members receive it, as JSON text. */
  json: string
  /** A `traceparent`, where the publish was traced. */
  trace?: unknown
}

/** Goes around the feed: no offset, no history, no second try. */
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

/** Who came and went in a room, told by the instance they are connected to. */
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
  /** What the session says that it does; absent where it says nothing. */
  state?: unknown
}

export type Message = StoredUpdate | EphemeralUpdate | PresenceDelta

export interface HistoryRead extends StreamPosition {
  /** Offset of the oldest update that is kept; undefined when none is. */
  oldest: number | undefined
  /** What is kept after `since`, in order, from `since + 1` on without a hole, up to the limits. */
  updates: StoredUpdate[]
}

export interface HistoryLimits {
  maxUpdates: number
  maxBytes: number
}

/** Presence of a room by instance and socket id. */
export type PresenceSnapshot = Array<{ instance: string, entry: PresenceEntry }>

/** Whether a room is one of those that an event is about. */
export type Concerns = (room: RoomKey) => boolean

export interface BrokerEvents {
  /** Messages of these rooms may be getting lost; nothing is known until `resumed`. */
  interrupted: [concerns: Concerns]
  /** The subscriptions to these rooms are confirmed again, and messages may have been missed: compare positions. */
  resumed: [concerns: Concerns]
}

/** What fails by itself, with its rooms: the embedded broker, a standalone Redis, a master of a cluster. */
export interface BrokerShard {
  /** Where it is; nothing of it is secret. Empty for the embedded broker. */
  readonly name: string
  /** Whether the room is there. */
  has (room: RoomKey): boolean
  /** Why it cannot be used now; undefined when it can. */
  fault (): string | undefined
  /** Replaces the links to where the messages come from: a probe heard no echo. */
  reconnect (reason: string): void
}

/** What carries updates, and keeps their history. */
export interface UpdateBroker {
  /**
   * In one atomic step: answers the first receipt when `callerId` is known; else gives the next offset, appends
   * to the room's history, and hands the update to every subscriber. Offset order is the order of messages, and
   * updates that are given one after another have it.
   * @throws RoomcastError `broker/unavailable` (not published), `broker/timeout` (unknown; repeat with the same id);
   *   both within PUBLISH_TIMEOUT_MS
   */
  publish (publication: PublishRequest): Promise<Receipt>

  /** Hands an update to every subscriber and keeps nothing. Same errors as `publish`. */
  publishEphemeral (publication: PublishRequest): Promise<Receipt>

  /**
   * When it resolves, every later message of the room reaches `onMessage`, in the order of offsets, save for
   * interruptions. One subscription a room.
   */
  subscribe (room: RoomKey, onMessage: (message: Message) => void): Promise<void>
  unsubscribe (room: RoomKey): Promise<void>

  /**
   * The rooms' positions; makes a room that is missing, at offset 0, and renews the life of each: `roomSeconds`, or
   * `emptyRoomSeconds` where nothing was published yet.
   * When it resolves, every message up to these positions that will come over the present link has come:
   * a feed that is behind its room now has a hole. Undefined for a room that cannot be read; rejects where none can.
   */
  touch (rooms: RoomKey[], retention?: Retention): Promise<Array<StreamPosition | undefined>>

  /** The same guarantees as `touch` gives, by plain reads: a room whose position is certain is not written to. */
  positions (rooms: RoomKey[], retention?: Retention): Promise<Array<StreamPosition | undefined>>

  /**
   * Position and history in one atomic read. A room that is missing is made, and lives READ_ROOM_TTL_SECONDS.
   * @param caller for whom: callers take turns, and each read of a room waits for the one before. Default: the room
   */
  history (room: RoomKey, since: number, limits: HistoryLimits, caller?: string): Promise<HistoryRead>

  /** Starts a new epoch if the room still has this one: of many who ask, the first changes something. */
  renewEpoch (room: RoomKey, epoch: string): Promise<void>
}

/** What knows who is present in a room. */
export interface PresenceBroker {
  /** Stores who of this instance came and went in a room, and tells every subscriber. */
  updatePresence (room: RoomKey, delta: Omit<PresenceDelta, 'kind' | 'instance'>): Promise<void>
  /** @param caller as for `history` */
  presence (room: RoomKey, caller?: string): Promise<PresenceSnapshot>
  /** Forgets what an instance that fell silent has left behind in a room. */
  forgetPresence (room: RoomKey, instance: string, socketIds: string[]): Promise<void>
}

/** What knows which instances have members of which rooms. */
export interface OccupancyBroker {
  /** This instance has members of the room; true if it is the first that does. Again is no change. */
  occupy (room: RoomKey): Promise<boolean>
  /** It has none any more; true if it was the last. */
  vacate (room: RoomKey): Promise<boolean>
  /** Instances that have members of any room. */
  occupants (): Promise<string[]>
  /** Takes an instance that fell silent out of its rooms; answers those that nobody is in now, to one caller only. */
  vacateAll (instance: string): Promise<RoomKey[]>
}

/** All three over the same links. */
export interface Broker extends UpdateBroker, PresenceBroker, OccupancyBroker {
  readonly instance: string
  readonly events: EventEmitter<BrokerEvents>
  /** Those that serve rooms now. */
  shards (): readonly BrokerShard[]
  /** Why the broker cannot be used now; undefined when it can. */
  fault (): string | undefined
  close (): Promise<void>
}
