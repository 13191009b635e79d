// What a service sees of the publisher. Types only.
import type { ErrorInfo } from '../errors.ts'
import type { TokenSource } from '../types.ts'
import type { Receipt } from '../wire.ts'

export type { ClientCode, ErrorInfo } from '../errors.ts'
export type { TokenSource } from '../types.ts'
export type { ErrorCode, Receipt } from '../wire.ts'

/** A room: `acme/board-1`, or its two ids. */
export type RoomName = `${string}/${string}` | { workspaceId: string, appId: string }

export interface PublisherOptions {
  /** A token with `publish`, or what gives one: asked at first, and when the service does not take the old one any more. */
  token: string | TokenSource
  /** How long an update is tried before it fails; below the service's idempotency window of 600 s. Default 60 s. */
  publishTimeoutMs?: number
  /** How long to wait for one answer before asking again. Default 5 s. */
  answerTimeoutMs?: number
  /** Most updates that wait, one a room; a publish beyond that fails with `client/queue-full`. Default 10,000. */
  maxWaiting?: number
  /** Most bytes of updates that wait. Default 16 MiB. */
  maxWaitingBytes?: number
  /** Most updates in one request; the service's MAX_BATCH. Default 100. */
  maxBatch?: number
  /** Instead of the platform's, e.g. one that goes through a proxy. */
  fetch?: typeof fetch
}

export interface PublishOptions {
  /** An id of your own, e.g. of a database row: publishing it again publishes nothing. Without one the publisher makes one. */
  id?: string
  /** Whose update it is; counts with `manage` on the room. */
  userId?: string
  /** Not kept, no offset, not repeated. What does not get through goes nowhere: the receipt says `instances: 0`. */
  ephemeral?: boolean
}

/** What became of an update in one of many rooms. */
export type PublishResult =
  | { status: 'SUCCESS', data: Receipt, error: null }
  | { status: 'ERROR', data: null, error: ErrorInfo }

/** `Events` maps the app's events to their payloads. */
export interface Publisher<Events extends object = Record<string, unknown>> {
  /** Updates that are not settled yet, one a room. */
  readonly waiting: number
  /**
   * Resolves when the service has it. Updates of one room keep their order. Time-outs, lost connections, 429 and 503 are
   * tried again with the same id.
   * @throws ClientError the service's code where it refuses for good; `client/no-answer` after `publishTimeoutMs`: it may
   *   have arrived, and can be repeated with the error's `id`; `client/queue-full`, `client/closed`: not sent
   */
  publish<E extends keyof Events & string> (room: RoomName, event: E, payload: Events[E], options?: PublishOptions): Promise<Receipt>
  /**
   * Publishes one payload to many rooms, in as few requests as `maxBatch` allows. The `id` is the same in every room.
   * @returns what became of it in each room, in their order; a room that refuses does not stop the others
   * @throws ClientError `client/queue-full`, `client/closed`: nothing was sent
   */
  publishMany<E extends keyof Events & string> (rooms: RoomName[], event: E, payload: Events[E], options?: Pick<PublishOptions, 'id'>): Promise<PublishResult[]>
  /** Resolves when everything that was published so far is settled, well or not. */
  flush (): Promise<void>
  /**
   * Takes no more, and resolves when the rest is settled.
   * @param options `timeoutMs`: what is not settled by then fails with `client/closed`
   */
  close (options?: { timeoutMs?: number }): Promise<void>
}
