// Errors of the client: those of the service as they come, and its own, `client/…`.
import type { ErrorCode } from './wire.ts'

/** What the client itself finds. */
export type ClientCode =
  /** The client was closed. */
  | 'client/closed'
  /** The room was left. */
  | 'client/left'
  /** No answer in time: it may or may not have arrived. */
  | 'client/no-answer'
  /** The `token` function failed. */
  | 'client/no-token'
  /** The address answers, but not as Roomcast does. */
  | 'client/not-roomcast'
  /** As much waits to be published as may. */
  | 'client/queue-full'
  /** Nothing answers there, or not as Roomcast does. */
  | 'client/unreachable'

export interface ErrorInfo {
  code: ErrorCode | ClientCode | (string & {})
  name: string
  /** What is wrong and what to do. */
  message: string
  /** Whether the same may succeed later. The client tries by itself where it can. */
  retryable: boolean
  /** The room, where it is one's. */
  workspaceId?: string
  appId?: string
  /** Of the update that was not published: with the same id it can be repeated safely. */
  id?: string
}

export class ClientError extends Error implements ErrorInfo {
  declare readonly code: ErrorInfo['code']
  declare readonly retryable: boolean
  declare readonly workspaceId?: string
  declare readonly appId?: string
  declare readonly id?: string

  constructor (info: ErrorInfo) {
    super(info.message)
    Object.assign(this, info)
  }
}

export function clientError (code: string, message: string, retryable = true): ErrorInfo {
  return { code, name: 'ClientError', message, retryable }
}

export const noAnswer = clientError('client/no-answer', 'No answer: repeat with the same id.')

/** Whether trying again, with a fresh token, may help. */
export function mayPass ({ code, retryable }: { code: string, retryable?: boolean }): boolean {
  return retryable || /^(auth\/token-expired|limit|server|broker|client)/.test(code)
}
