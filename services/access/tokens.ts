// Verifies tokens, for HTTP and sockets alike. A signature is verified once; the token's times, and whether its key is
// still trusted, at every use.
import { hash } from 'node:crypto'
import { createDecoder, TokenError } from 'fast-jwt'
import { assertInTime, readIdentity, type Identity } from './identity.ts'
import type { IssuerKeys } from './issuer-keys.ts'
import type { TokenKey } from './keys.ts'
import { RoomcastError } from '../wire/errors.ts'
import type { Settings } from '../settings.ts'

/** Larger tokens are refused before they are parsed. */
export const MAX_TOKEN_BYTES = 8192

/** The keys of the settings, or those of an issuer. */
export type KeySource = TokenKey[] | IssuerKeys

export interface Tokens {
  /**
   * Verifies the token. The caller must also ask whether it was revoked.
   * @throws RoomcastError `auth/invalid-token`, `auth/token-expired`, `auth/token-not-yet-valid`, `auth/keys-unavailable`
   */
  verify (token: string): Promise<Identity>
  /** The number of cached tokens. */
  readonly size: number
}

/** The result of a successful verification. */
interface Verified {
  identity: Identity
  key: TokenKey
}

export function createTokens (source: KeySource, settings: Settings): Tokens {
  /** Keyed by a hash, so that no raw token stays in memory. The least recently used comes first. */
  const verified = new Map<string, Verified>()
  /** The most recently used one. Often it is used again. */
  let last = ''
  const decode = createDecoder({ complete: true })

  function recall (name: string): Identity | undefined {
    const known = verified.get(name)
    if (known === undefined) return undefined
    if (!known.key.isCurrent()) {
      verified.delete(name)
      return undefined
    }
    assertInTime(known.identity, settings)
    if (name !== last) remember(name, known)
    return known.identity
  }

  function remember (name: string, known: Verified): void {
    last = name
    verified.delete(name)
    verified.set(name, known)
    if (verified.size > settings.TOKEN_CACHE_SIZE) verified.delete(verified.keys().next().value as string)
  }

  async function keysOf (token: string): Promise<TokenKey[]> {
    if (Array.isArray(source)) return source
    const { header } = decode(token) as { header: { alg: string, kid?: unknown } }
    return [await source.find(header)]
  }

  async function verifyAnew (token: string): Promise<Verified> {
    const keys = await keysOf(token)
    for (const [i, key] of keys.entries()) {
      try {
        return { identity: readIdentity(key.verify(token), settings), key }
      } catch (error) {
        // Compared by its code: @fastify/jwt may use another copy of fast-jwt.
        const isOther = (error as { code?: string }).code === TokenError.codes.invalidSignature
        if (!isOther || i === keys.length - 1) throw error
      }
    }
    throw new RoomcastError('auth/invalid-token')
  }

  return {
    get size () { return verified.size },

    async verify (token) {
      if (Buffer.byteLength(token) > MAX_TOKEN_BYTES) throw new RoomcastError('auth/invalid-token', `The token has more than ${MAX_TOKEN_BYTES} bytes: get a smaller one.`)
      const name = hash('sha256', token, 'base64')
      const known = recall(name)
      if (known !== undefined) return known
      try {
        const fresh = await verifyAnew(token)
        remember(name, fresh)
        return fresh.identity
      } catch (error) {
        if (error instanceof RoomcastError) throw error
        throw new RoomcastError('auth/invalid-token', undefined, { cause: error })
      }
    }
  }
}
