// Reads who the bearer of a token is and what they may do, from claims whose signature has been checked.
import { Type } from '@sinclair/typebox'
import { Capabilities } from './capabilities.ts'
import { RoomcastError } from '../wire/errors.ts'
import { UserId } from '../wire/protocol.ts'
import { createValidator } from '../wire/validation.ts'
import type { Settings } from '../settings.ts'

const Seconds = Type.Number({ minimum: 0, maximum: 8.64e12 })
const Claims = Type.Object({
  sub: UserId,
  exp: Seconds,
  iat: Type.Optional(Seconds),
  nbf: Type.Optional(Seconds),
  jti: Type.Optional(Type.String({ minLength: 1, maxLength: 256 })),
  name: Type.Optional(Type.String({ maxLength: 256 })),
  email: Type.Optional(Type.String({ maxLength: 320 })),
  picture: Type.Optional(Type.String({ maxLength: 2048 })),
  capabilities: Type.Optional(Capabilities)
})
const claimsValidator = createValidator(Claims)

export interface Identity {
  readonly sub: string
  readonly name: string | undefined
  readonly email: string | undefined
  readonly picture: string | undefined
  readonly capabilities: Capabilities
  /** Milliseconds since 1970, like all times here. */
  readonly expiresAt: number
  /** 0 when the token has no `iat`. */
  readonly issuedAt: number
  /** The later of `nbf` and `iat`; 0 when the token has neither. */
  readonly validFrom: number
  readonly jti: string | undefined
}

/** The longest lifetime of a token, and the tolerance between our clock and the issuer's. */
export type TokenTimes = Pick<Settings, 'TOKEN_MAX_SECONDS' | 'CLOCK_TOLERANCE_SECONDS'>

/** @throws RoomcastError `auth/invalid-token`, `auth/token-expired`, `auth/token-not-yet-valid` */
export function readIdentity (claims: unknown, times: TokenTimes, now = Date.now()): Identity {
  if (!claimsValidator.accepts(claims)) throw new RoomcastError('auth/invalid-token', 'A claim of the token is missing or has the wrong form: sub and exp are required.')
  const { sub, exp, iat = 0, nbf = 0, jti, name, email, picture, capabilities = {} } = claims
  const identity: Identity = {
    sub, name, email, picture, capabilities, expiresAt: Math.floor(exp * 1000), issuedAt: Math.floor(iat * 1000), validFrom: Math.max(iat, nbf) * 1000, jti
  }
  assertInTime(identity, times, now)
  if (exp * 1000 > now + (times.TOKEN_MAX_SECONDS + times.CLOCK_TOLERANCE_SECONDS) * 1000) {
    throw new RoomcastError('auth/invalid-token', `The token ends more than ${times.TOKEN_MAX_SECONDS} seconds from now: get one with a shorter lifetime.`)
  }
  return identity
}

/**
 * Checks that the token is valid now. Must be called at every use. The tolerance does not apply to `exp`.
 * @throws RoomcastError `auth/token-expired`, `auth/token-not-yet-valid`
 */
export function assertInTime ({ expiresAt, validFrom }: Identity, { CLOCK_TOLERANCE_SECONDS }: TokenTimes, now = Date.now()): void {
  if (expiresAt <= now) throw new RoomcastError('auth/token-expired')
  if (validFrom > now + CLOCK_TOLERANCE_SECONDS * 1000) throw new RoomcastError('auth/token-not-yet-valid')
}
