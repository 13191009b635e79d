// The failures of an operation as response schemas: by status, with the possible codes and an example of each.
import { Type, type TObject } from '@sinclair/typebox'
import { errorCodes, type ErrorCode } from '../wire/errors.ts'
import { byStatus, errorExample } from './examples.ts'
import { ErrorBody, failure } from '../wire/protocol.ts'

/** The codes of every route. */
export const ANY_CALLER = ['auth/foreign-origin', 'server/internal'] as const satisfies ErrorCode[]

/** The codes of a route that needs a token. Until revocations are known, it answers `broker/unavailable`. */
export const TOKEN_BEARER = [
  ...ANY_CALLER, 'auth/missing-token', 'auth/invalid-token', 'auth/token-expired', 'auth/token-revoked', 'auth/token-not-yet-valid', 'auth/keys-unavailable',
  'request/invalid', 'broker/unavailable'
] as const satisfies ErrorCode[]

/** The codes of a route that reads a room. */
export const READER = [...TOKEN_BEARER, 'auth/forbidden'] as const satisfies ErrorCode[]

/** The codes of a route that writes to the broker. */
export const WRITER = [...READER, 'publish/payload-too-large', 'broker/timeout'] as const satisfies ErrorCode[]

const RETRY_AFTER = { type: 'integer', description: 'seconds to wait before a retry' }

/** The failure envelope with only these codes. */
export function failureOf (codes: readonly ErrorCode[], options = {}) {
  return Type.Object({
    status: Type.Literal('ERROR'),
    data: Type.Null(),
    error: Type.Object({ ...ErrorBody.properties, code: Type.Unsafe<ErrorCode>(Type.String({ enum: [...codes] })) })
  }, options)
}

/** The failures of a route, to spread into its `response`. */
export function failures (...codes: ErrorCode[]): Record<number, TObject> {
  return Object.fromEntries([...byStatus(codes)].map(([status, some]) => [status, failureOf(some, {
    description: some.map(code => `\`${code}\`: ${errorCodes[code].message}`).join('\n\n'),
    'x-examples': Object.fromEntries(some.map(code => [code, { value: failure(errorExample(code)) }])),
    ...status === 429 || status === 503 ? { headers: { 'Retry-After': RETRY_AFTER } } : {}
  })]))
}
