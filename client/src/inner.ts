// What the parts of the client know of each other.
import type { Socket } from 'socket.io-client'
import type { ErrorInfo } from './errors.ts'
import type { Room, RoomOptions } from './types.ts'

export interface Context {
  socket: Socket
  publishTimeoutMs: number
  /** Asks the service; `done` gets its answer or its error, or `client/no-answer`. */
  ask<T> (event: string, data: object, done: (error: ErrorInfo | null, data: T) => void): void
  /** Tells an error to whoever listens at the client, or the console. */
  tell (error: ErrorInfo): void
}

/** The place of this connection in one room, shared by all who hold the room. */
export interface Subscription {
  hold (options: RoomOptions): Room
  /** Subscribes if it is not joined: after a reconnect, or with a token that may allow what the old one did not. */
  subscribe (): void
  /** What the service says of this room. */
  hear (event: string, data: unknown): void
  onDisconnect (): void
  /** What was not published fails with this code. */
  end (reason?: ErrorInfo): void
}

export type Mutable<T> = { -readonly [Key in keyof T]: T[Key] }
