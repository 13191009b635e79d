// Who a token says that its bearer is, and what it allows; from claims whose signature has been checked.
import { Type } from '@sinclair/typebox'
import { Capabilities } from './capabilities.ts'
import { RoomcastError } from '../wire/errors.ts'
import { UserId } from '../wire/protocol.ts'
import { checker } from '../wire/validation.ts'
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

export interface Identity {
  readonly sub: string
  readonly name: string | undefined
  readonly email: string | undefined
  readonly picture: string | undefined
  readonly capabilities: Capabilities
  /** Milliseconds since 1970, as all times. */
  readonly expiresAt: number
  /** 0 where the token does not say. */
  readonly issuedAt: number
  /** The later of `nbf` and `iat`; 0 where the token says neither. */
  readonly validFrom: number
  readonly jti: string | undefined
}

/** How far from now a token may end, and how far our clock and the issuer's may differ. */
export type TokenTimes = Pick<Settings, 'TOKEN_MAX_SECONDS' | 'CLOCK_TOLERANCE_SECONDS'>

/** @throws RoomcastError `auth/invalid-token`, `auth/token-expired`, `auth/token-not-yet-valid` */
export function readIdentity (claims: unknown, times: TokenTimes, now = Date.now()): Identity {
  if (!checker(Claims).Check(claims)) throw new RoomcastError('auth/invalid-token', 'The token lacks a claim, or one has the wrong form: sub and exp are required.')
  const { sub, exp, iat = 0, nbf = 0, jti, name, email, picture, capabilities = {} } = claims
  const identity: Identity = {
    sub, name, email, picture, capabilities, expiresAt: Math.floor(exp * 1000), issuedAt: Math.floor(iat * 1000), validFrom: Math.max(iat, nbf) * 1000, jti
  }
  assertInTime(identity, times, now)
  if (exp * 1000 > now + (times.TOKEN_MAX_SECONDS + times.CLOCK_TOLERANCE_SECONDS) * 1000) {
    throw new RoomcastError('auth/invalid-token', `The token ends more than ${times.TOKEN_MAX_SECONDS} seconds from now: get one that lives shorter.`)
  }
  return identity
}

/**
 * Whether the token counts at this moment; to be asked at every use. Its end has no leeway.
 * @throws RoomcastError `auth/token-expired`, `auth/token-not-yet-valid`
 */
export function assertInTime ({ expiresAt, validFrom }: Identity, { CLOCK_TOLERANCE_SECONDS }: TokenTimes, now = Date.now()): void {
  if (expiresAt <= now) throw new RoomcastError('auth/token-expired')
  if (validFrom > now + CLOCK_TOLERANCE_SECONDS * 1000) throw new RoomcastError('auth/token-not-yet-valid')
}
