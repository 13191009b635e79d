// The public types of the publisher.
import type { ErrorInfo } from '../errors.ts'
import type { TokenSource } from '../types.ts'
import type { Receipt } from '../wire.ts'

export type { ClientCode, ErrorInfo } from '../errors.ts'
export type { TokenSource } from '../types.ts'
export type { ErrorCode, Receipt } from '../wire.ts'

/** A room: `acme/board-1`, or its two ids. */
export type RoomName = `${string}/${string}` | { workspaceId: string, appId: string }

export interface PublisherOptions {
  /** A token with `publish`, or a function that returns one. It is called first, and when the service no longer accepts the old one. */
  token: string | TokenSource
  /** How long an update is retried before it fails. Must be below the service's idempotency window of 600 s. Default 60 s. */
  publishTimeoutMs?: number
  /** How long to wait for one answer before a retry. Default 5 s. */
  answerTimeoutMs?: number
  /** The most waiting updates, counted per room. More fail with `client/queue-full`. Default 10,000. */
  maxWaiting?: number
  /** The most bytes of waiting updates. Default 16 MiB. */
  maxWaitingBytes?: number
  /** The most updates in one request: the service's MAX_BATCH. Default 100. */
  maxBatch?: number
  /** Replaces the platform's `fetch`, for example with one that uses a proxy. */
  fetch?: typeof fetch
}

export interface PublishOptions {
  /** Your own id, for example of a database row: publishing it again does nothing. Default: generated. */
  id?: string
  /** The user of the update. Needs `manage` on the room, otherwise it is ignored. */
  userId?: string
  /** Not stored, without an offset, not retried. If it is not delivered, the receipt has `instances: 0`. */
  ephemeral?: boolean
}

/** The result of an update in one of many rooms. */
export type PublishResult =
  | { status: 'SUCCESS', data: Receipt, error: null }
  | { status: 'ERROR', data: null, error: ErrorInfo }

/** `Events` maps the app's events to their payloads. */
export interface Publisher<Events extends object = Record<string, unknown>> {
  /** The number of unsettled updates, counted per room. */
  readonly waiting: number
  /**
   * Resolves when the service has stored the update. Updates of one room keep their order. Timeouts, lost connections, 429
   * and 503 are retried with the same id.
   * @throws ClientError the service's code for a final refusal; `client/no-answer` after `publishTimeoutMs`: the update may
   *   have arrived, and can be repeated with the error's `id`; `client/queue-full`, `client/closed`: not sent
   */
  publish<E extends keyof Events & string> (room: RoomName, event: E, payload: Events[E], options?: PublishOptions): Promise<Receipt>
  /**
   * Publishes one payload to many rooms, in as few requests as `maxBatch` allows. The `id` is the same in every room.
   * @returns the result for each room, in order; a refusal in one room does not stop the others
   * @throws ClientError `client/queue-full`, `client/closed`; then nothing was sent
   */
  publishMany<E extends keyof Events & string> (rooms: RoomName[], event: E, payload: Events[E], options?: Pick<PublishOptions, 'id'>): Promise<PublishResult[]>
  /** Resolves when everything that was published so far is settled, successfully or not. */
  flush (): Promise<void>
  /**
   * Accepts no more updates, and resolves when all are settled.
   * @param options `timeoutMs`: updates that are not settled by then fail with `client/closed`
   */
  close (options?: { timeoutMs?: number }): Promise<void>
}
