// The public types of the client.
import type { ManagerOptions, Socket, SocketOptions } from 'socket.io-client'
import type { ErrorInfo } from './errors.ts'
import type { Collaborator, PresenceList, Receipt, StreamPosition, SubscribeResult, Update } from './wire.ts'

export type { ClientCode, ErrorInfo } from './errors.ts'
export type { Collaborator, ErrorCode, PresenceList, Receipt, StreamPosition, SubscribeResult, Update } from './wire.ts'

/** The events that the service itself publishes. Combine them with your own: `client.room<AppEvents & MyEvents>(…)`. */
export type AppEvents = {
  UPDATE_APP: { id: string, displayName: string, workspaceID: string }
}

/** Returns a token. White space around it is removed. */
export type TokenSource = () => string | Promise<string>

export interface ClientOptions {
  /** Called before every connection, and when the current token is about to expire. */
  token: TokenSource
  /** How long a publish is retried before it fails. Must be below the service's idempotency window of 600 s. Default 60 s. */
  publishTimeoutMs?: number
  /** How long to wait for one answer before a retry. Default 5 s. */
  answerTimeoutMs?: number
  /** Options for socket.io-client: `path`, `transports`, `autoConnect`, … */
  socket?: Partial<ManagerOptions & SocketOptions>
}

/** `closed`: it does not reconnect on its own; `connecting`: for the first time or again. */
export type Status = 'connecting' | 'connected' | 'closed'

export interface ClientEvents {
  status: Status
  /**
   * A refused connection, a failed token function, the reason why the server ends the connection, or an error of a room
   * without an error listener. Without a listener here, each code is logged once to the console.
   */
  error: ErrorInfo
  /** The instance is shutting down, and the client moves to another one. */
  draining: { reconnectInMs: number }
}

export interface Client {
  readonly status: Status
  /** The session id at the service. The part before the dot is the name of the instance. */
  readonly sessionId: string | undefined
  /** The underlying socket, for anything that this layer does not offer. */
  readonly socket: Socket
  on<E extends keyof ClientEvents> (event: E, listener: (data: ClientEvents[E]) => void): this
  off<E extends keyof ClientEvents> (event: E, listener: (data: ClientEvents[E]) => void): this
  /**
   * Joins a room. Every call returns a room with its own listeners. All rooms with the same ids share one subscription, which
   * ends a second after the last of them was left. `Events` maps the app's events to their payloads.
   */
  room<Events extends object = Record<string, unknown>> (workspaceId: string, appId: string, options?: RoomOptions): Room<Events>
  /** Reconnects after `closed`. */
  connect (): void
  /** Closes the client and its rooms for good. Unpublished updates fail with `client/closed`. */
  close (): void
}

export interface RoomOptions {
  /** Returns a room token, which adds its actions in this room. */
  token?: TokenSource
  /**
   * The position of the state that the app already has. Later updates are delivered. If the room is already subscribed at
   * another position, a `reset` comes at once.
   */
  since?: StreamPosition
}

/** An update with the payload type of the event map. */
export type TypedUpdate<E, Payload> = Omit<Update, 'event' | 'payload'> & { event: E, payload: Payload }

/** Events of the client itself. An app's event with such a name arrives only as `update`. */
export interface RoomEvents<Events extends object = Record<string, unknown>> {
  /** Every update, whatever its event. */
  update: AnyUpdate<Events>
  /** Subscribed, for the first time or after a reconnect: the position, and how many missed updates follow. */
  joined: SubscribeResult
  /** Not all missed updates could be recovered: load the state again. Updates after `position` follow. */
  reset: { position: StreamPosition }
  /** Who is here: after each subscription, and when someone joins, leaves or changes state. */
  presence: PresenceList & { joined: Collaborator[], left: Collaborator[], changed: Collaborator[] }
  /** The subscription failed, or the server ended it. If it is `retryable`, the client keeps retrying. */
  error: ErrorInfo
}

type AnyUpdate<Events extends object> = { [E in keyof Events & string]: TypedUpdate<E, Events[E]> }[keyof Events & string]

/** The argument of a listener. */
export type Heard<Events extends object, E> =
  E extends keyof RoomEvents ? RoomEvents<Events>[E] : E extends keyof Events ? TypedUpdate<E, Events[E]> : never

export interface PublishOptions {
  /** Your own id, so that you can repeat the update safely. Default: generated, and used for retries. */
  id?: string
  /** Not stored, without an offset, not retried: for cursors or typing. Dropped while disconnected. */
  ephemeral?: boolean
}

/** A room without `leave`, for users that do not own it. */
export interface RoomBase<Events extends object = Record<string, unknown>> {
  readonly workspaceId: string
  readonly appId: string
  readonly isJoined: boolean
  /** The last update that was delivered here; undefined before the first subscription. */
  readonly position: StreamPosition | undefined
  /** Who is here, if the token has `presence`. The same object until it changes. */
  readonly presence: PresenceList
  on<E extends keyof RoomEvents | (keyof Events & string)> (event: E, listener: (data: Heard<Events, E>) => void): this
  off<E extends keyof RoomEvents | (keyof Events & string)> (event: E, listener: (data: Heard<Events, E>) => void): this
  /**
   * Resolves when the service has stored the update. While disconnected it waits. After a reconnect, a timeout or a
   * retryable refusal, it is repeated with the same id.
   * @throws ClientError the service's code for a final refusal; `client/no-answer`, `client/left`, `client/closed`
   */
  publish<E extends keyof Events & string> (event: E, payload: Events[E], options?: PublishOptions): Promise<Receipt>
  /**
   * Sets the state of this session, which everyone in the room sees: the selection, typing, the page. Any JSON up to the
   * service's PRESENCE_STATE_BYTES; `null` clears it. The client sends it again after every reconnect. All holders of the
   * room are one session, so the last call counts. A refusal arrives as `error`.
   */
  setPresence (state: unknown): void
}

export interface Room<Events extends object = Record<string, unknown>> extends RoomBase<Events> {
  /** Stops the listeners of this room; publishing fails with `client/left`. Other holders of the room continue. */
  leave (): void
}
