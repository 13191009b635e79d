// What an app sees of the client. Types only.
import type { ManagerOptions, Socket, SocketOptions } from 'socket.io-client'
import type { ErrorInfo } from './errors.ts'
import type { Collaborator, PresenceList, Receipt, StreamPosition, SubscribeResult, Update } from './wire.ts'

export type { ClientCode, ErrorInfo } from './errors.ts'
export type { Collaborator, ErrorCode, PresenceList, Receipt, StreamPosition, SubscribeResult, Update } from './wire.ts'

/** What the service itself publishes; join it with your own: `client.room<AppEvents & MyEvents>(…)`. */
export type AppEvents = {
  UPDATE_APP: { id: string, displayName: string, workspaceID: string }
}

/** Gives a token. White space around it is cut off. */
export type TokenSource = () => string | Promise<string>

export interface ClientOptions {
  /** Asked before every connection, and when the token in use runs out. */
  token: TokenSource
  /** How long a publish is tried again before it fails; below the service's idempotency window of 600 s. Default 60 s. */
  publishTimeoutMs?: number
  /** How long to wait for one answer before asking again. Default 5 s. */
  answerTimeoutMs?: number
  /** For socket.io-client: `path`, `transports`, `autoConnect`, … */
  socket?: Partial<ManagerOptions & SocketOptions>
}

/** `closed`: it does not come back by itself; `connecting`: first time or again. */
export type Status = 'connecting' | 'connected' | 'closed'

export interface ClientEvents {
  status: Status
  /**
   * A refused connection, a failed token function, why the server ends the connection; and errors of rooms that nobody
   * hears there. Where nobody listens here either, the console says each code once.
   */
  error: ErrorInfo
  /** The instance goes away; the client moves to another one. */
  draining: { reconnectInMs: number }
}

export interface Client {
  readonly status: Status
  /** The session at the service; its part before the dot names the instance. */
  readonly sessionId: string | undefined
  /** The socket below, for what this layer has no word for. */
  readonly socket: Socket
  on<E extends keyof ClientEvents> (event: E, listener: (data: ClientEvents[E]) => void): this
  off<E extends keyof ClientEvents> (event: E, listener: (data: ClientEvents[E]) => void): this
  /**
   * Joins a room. Every call gives a room with listeners of its own; all of the same ids share one subscription, which
   * ends a second after the last of them was left. `Events` maps the app's events to their payloads.
   */
  room<Events extends object = Record<string, unknown>> (workspaceId: string, appId: string, options?: RoomOptions): Room<Events>
  /** Connects again after `closed`. */
  connect (): void
  /** Closes for good, its rooms too: what was not published fails with `client/closed`. */
  close (): void
}

export interface RoomOptions {
  /** Gives a room token, which adds its actions in this room. */
  token?: TokenSource
  /**
   * The position of the state that the app already has: what came after it is delivered. Where others hold the room
   * already and are elsewhere, a `reset` comes at once.
   */
  since?: StreamPosition
}

/** An update with the payload that the event map promises. */
export type TypedUpdate<E, Payload> = Omit<Update, 'event' | 'payload'> & { event: E, payload: Payload }

/** Words of the client; an app's events of the same name arrive as `update` only. */
export interface RoomEvents<Events extends object = Record<string, unknown>> {
  /** Every update, whatever its event. */
  update: AnyUpdate<Events>
  /** Subscribed, again after every reconnect: where, and how much this room missed and now gets. */
  joined: SubscribeResult
  /** Not everything since the last update could be recovered: load the state anew, from `position` on updates follow. */
  reset: { position: StreamPosition }
  /** Who is here: after each subscription, and when someone comes, goes, or says something new. */
  presence: PresenceList & { joined: Collaborator[], left: Collaborator[], changed: Collaborator[] }
  /** The room could not be subscribed to, or the server ended it; if `retryable`, the client goes on trying. */
  error: ErrorInfo
}

type AnyUpdate<Events extends object> = { [E in keyof Events & string]: TypedUpdate<E, Events[E]> }[keyof Events & string]

/** What a listener of an event is given. */
export type Heard<Events extends object, E> =
  E extends keyof RoomEvents ? RoomEvents<Events>[E] : E extends keyof Events ? TypedUpdate<E, Events[E]> : never

export interface PublishOptions {
  /** An id of your own, to repeat it safely; without one the client makes one, and repeats with it. */
  id?: string
  /** Not kept, no offset, not repeated: cursors, typing. While away it goes nowhere. */
  ephemeral?: boolean
}

/** A room, as those use it who do not end it. */
export interface RoomBase<Events extends object = Record<string, unknown>> {
  readonly workspaceId: string
  readonly appId: string
  readonly isJoined: boolean
  /** The last update that was delivered here; undefined before the first subscription. */
  readonly position: StreamPosition | undefined
  /** Who is here, as far as the token allows to see it; the same object until that changes. */
  readonly presence: PresenceList
  on<E extends keyof RoomEvents | (keyof Events & string)> (event: E, listener: (data: Heard<Events, E>) => void): this
  off<E extends keyof RoomEvents | (keyof Events & string)> (event: E, listener: (data: Heard<Events, E>) => void): this
  /**
   * Resolves when the service has it. While away it waits; after a reconnect, a timeout, or a refusal that may pass,
   * it is repeated with the same id.
   * @throws ClientError the service's code where it refuses for good; `client/no-answer`, `client/left`, `client/closed`
   */
  publish<E extends keyof Events & string> (event: E, payload: Events[E], options?: PublishOptions): Promise<Receipt>
  /**
   * Says to everyone here what this session does: what is selected, typing, which page. Any JSON up to the service's
   * PRESENCE_STATE_BYTES; `null` clears it. Said again after every reconnect. Of several that hold the room, the last one
   * counts, since they are one session. A refusal arrives as `error`.
   */
  setPresence (state: unknown): void
}

export interface Room<Events extends object = Record<string, unknown>> extends RoomBase<Events> {
  /** Nothing is heard here any more, and a publish fails with `client/left`; others who hold the room go on. */
  leave (): void
}
