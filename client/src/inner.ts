// The interfaces between the parts of the client.
import type { Socket } from 'socket.io-client'
import type { ErrorInfo } from './errors.ts'
import type { Room, RoomOptions } from './types.ts'

export interface Context {
  socket: Socket
  publishTimeoutMs: number
  /** Sends a request. `done` gets the answer or the error, or `client/no-answer`. */
  ask<T> (event: string, data: object, done: (error: ErrorInfo | null, data: T) => void): void
  /** Reports an error to the listeners of the client, or to the console. */
  tell (error: ErrorInfo): void
}

/** The subscription of this connection to one room, shared by all holders of the room. */
export interface Subscription {
  hold (options: RoomOptions): Room
  /** Subscribes if it is not joined: after a reconnect, or with a token that may allow more. */
  subscribe (): void
  /** Handles an event of the service for this room. */
  hear (event: string, data: unknown): void
  onDisconnect (): void
  /** Ends the subscription. Unpublished updates fail with this error. */
  end (reason?: ErrorInfo): void
}

export type Mutable<T> = { -readonly [Key in keyof T]: T[Key] }
