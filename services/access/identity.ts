// Who a token says that its bearer is, and what it allows; from claims whose signature has been checked.
import { Type } from '@sinclair/typebox'
import { Capabilities } from './capabilities.ts'
import { RoomcastError } from '../wire/errors.ts'
import { UserId } from '../wire/protocol.ts'
import { checker } from '../wire/validation.ts'

/** Larger tokens are refused before they are parsed. */
export const MAX_TOKEN_BYTES = 8192

const Seconds = Type.Number({ minimum: 0, maximum: 8.64e12 })
const Claims = Type.Object({
  sub: UserId,
  exp: Seconds,
  iat: Type.Optional(Seconds),
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
  readonly jti: string | undefined
}

/**
 * @param maxSeconds a token that ends later than that from now is refused
 * @throws RoomcastError `auth/invalid-token`, `auth/token-expired`
 */
export function readIdentity (claims: unknown, maxSeconds: number, now = Date.now()): Identity {
  if (!checker(Claims).Check(claims)) throw new RoomcastError('auth/invalid-token', 'The token lacks a claim, or one has the wrong form: sub and exp are required.')
  const { sub, exp, iat = 0, jti, name, email, picture, capabilities = {} } = claims
  const expiresAt = exp * 1000
  if (expiresAt <= now) throw new RoomcastError('auth/token-expired')
  if (expiresAt > now + maxSeconds * 1000) throw new RoomcastError('auth/invalid-token', `The token ends more than ${maxSeconds} seconds from now: get one that lives shorter.`)
  return { sub, name, email, picture, capabilities, expiresAt: Math.floor(expiresAt), issuedAt: Math.floor(iat * 1000), jti }
}
