// Counts the limits that were hit, each under its name.
import { RoomcastError, type ErrorCode } from '../wire/errors.ts'
import type { Metrics } from './metrics.ts'

/** The names of limits that have a code of their own. */
export type CodedLimit = Extract<ErrorCode, `limit/${string}`> extends `limit/${infer Name}` ? Name : never

export function countLimit (metrics: Metrics, limit: string): void {
  metrics.limits.inc({ limit })
}

/** Counts the limit. @returns the error to throw */
export function limitError (metrics: Metrics, limit: CodedLimit, message?: string): RoomcastError
export function limitError (metrics: Metrics, limit: string, message: string | undefined, code: ErrorCode): RoomcastError
export function limitError (metrics: Metrics, limit: string, message?: string, code = `limit/${limit}` as ErrorCode): RoomcastError {
  countLimit(metrics, limit)
  return new RoomcastError(code, message)
}
