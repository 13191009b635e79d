// Errors of the client: those of the service, unchanged, and its own, `client/…`.
import type { ErrorCode } from './wire.ts'

/** The codes of the client itself. */
export type ClientCode =
  /** The client was closed. */
  | 'client/closed'
  /** The room was left. */
  | 'client/left'
  /** No answer in time. The request may or may not have arrived. */
  | 'client/no-answer'
  /** The `token` function failed. */
  | 'client/no-token'
  /** The server at the address is not Roomcast. */
  | 'client/not-roomcast'
  /** The queue of updates to publish is full. */
  | 'client/queue-full'
  /** Nothing answers at the address, or something that is not Roomcast. */
  | 'client/unreachable'

export interface ErrorInfo {
  code: ErrorCode | ClientCode | (string & {})
  name: string
  /** What is wrong and what to do. */
  message: string
  /** Whether a retry can succeed. The client retries on its own where it can. */
  retryable: boolean
  /** The room that the error is about, if any. */
  workspaceId?: string
  appId?: string
  /** The id of the update that was not published. Repeating it with this id is safe. */
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

/** Whether a retry with a fresh token may help. */
export function mayPass ({ code, retryable }: { code: string, retryable?: boolean }): boolean {
  return retryable || /^(limit|server|broker|client)|expired/.test(code)
}
