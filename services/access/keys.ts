// The keys that tokens are verified with: exactly one source, each with its algorithms pinned.
import { createPublicKey, KeyObject, randomBytes, type KeyObject as Key } from 'node:crypto'
import { performance } from 'node:perf_hooks'
import { createRemoteJWKSet, customFetch, errors, type JWTHeaderParameters } from 'jose'
import { RoomcastError } from '../wire/errors.ts'
import type { Log } from '../observe/log.ts'
import { SettingsError, type Settings } from '../settings.ts'

export type Algorithm = 'HS256' | 'RS256' | 'ES256' | 'EdDSA'

export interface VerificationKey {
  /** A shared secret, or a public key in PEM. */
  key: string
  algorithms: Algorithm[]
}

/** Keys that stand in the settings; the current one first. */
export function staticKeys ({ JWT_SECRET, JWT_SECRET_PREVIOUS, JWT_PUBLIC_KEY }: Settings): VerificationKey[] {
  if (JWT_PUBLIC_KEY !== '') return [publicKey(JWT_PUBLIC_KEY.replaceAll('\\n', '\n'))]
  return [JWT_SECRET, JWT_SECRET_PREVIOUS]
    .filter(secret => secret !== '')
    .map(key => ({ key, algorithms: ['HS256'] }))
}

/** A key for this run only, for whoever just tries the service. */
export function randomKey (): VerificationKey {
  return { key: randomBytes(32).toString('base64url'), algorithms: ['HS256'] }
}

function publicKey (pem: string): VerificationKey {
  try {
    const key = createPublicKey(pem)
    return { key: pem, algorithms: [algorithmOf(key)] }
  } catch (error) {
    throw new SettingsError('JWT_PUBLIC_KEY should be a public key in PEM: RSA, P-256 or Ed25519', { cause: error })
  }
}

function algorithmOf ({ asymmetricKeyType, asymmetricKeyDetails }: Key): Algorithm {
  if (asymmetricKeyType === 'rsa') return 'RS256'
  if (asymmetricKeyType === 'ed25519') return 'EdDSA'
  if (asymmetricKeyType === 'ec' && asymmetricKeyDetails?.namedCurve === 'prime256v1') return 'ES256'
  throw new TypeError(`keys of type ${String(asymmetricKeyType)} are not used here`)
}

export interface IssuerKeys {
  /**
   * The key that a token's header names.
   * @throws RoomcastError `auth/invalid-token`, or `auth/keys-unavailable` while there are no keys at all
   */
  find (header: JWTHeaderParameters): Promise<VerificationKey>
  close (): void
}

const MAX_KEY_ID_LENGTH = 256
const PUBLIC_ALGORITHMS: readonly string[] = ['RS256', 'ES256', 'EdDSA']
/** While there are no keys at all, the issuer is asked at most once in this time. */
const FIRST_KEYS_PAUSE_MS = 1000

/**
 * Keys from JWT_JWKS_URL. They are fetched again in the background, and the old ones serve while the issuer is down;
 * a key id that is unknown causes at most one fetch in JWKS_REFETCH_SECONDS.
 */
export function createIssuerKeys (settings: Settings, log: Log): IssuerKeys {
  let askedAt = -Infinity
  const keys = createRemoteJWKSet(new URL(settings.JWT_JWKS_URL), {
    timeoutDuration: settings.JWKS_TIMEOUT_MS,
    cooldownDuration: settings.JWKS_REFETCH_SECONDS * 1000,
    cacheMaxAge: Infinity,
    [customFetch]: async (url, options) => {
      // Whatever the last answer was: jose's own cool-down begins only with a good one.
      const pauseMs = keys.jwks() === undefined ? FIRST_KEYS_PAUSE_MS : settings.JWKS_REFETCH_SECONDS * 1000
      if (performance.now() - askedAt < pauseMs) throw new Error('the issuer was asked a moment ago')
      askedAt = performance.now()
      const response = await fetch(url, options)
      return new Response(await readCapped(response, settings.JWKS_MAX_BYTES), { status: response.status })
    }
  })
  const refresh = (): void => {
    askedAt = -Infinity
    keys.reload().catch((error: Error) => log.warn({ err: error.message }, "the issuer's keys could not be fetched; the old ones serve"))
  }
  refresh()
  const timer = setInterval(refresh, settings.JWKS_CACHE_SECONDS * 1000)
  timer.unref()

  return {
    async find (header) {
      const { alg, kid } = header
      if (!PUBLIC_ALGORITHMS.includes(alg) || (kid !== undefined && (typeof kid !== 'string' || kid.length > MAX_KEY_ID_LENGTH))) {
        throw new RoomcastError('auth/invalid-token')
      }
      try {
        const key = KeyObject.from(await keys({ alg, ...kid === undefined ? {} : { kid } }))
        return { key: key.export({ type: 'spki', format: 'pem' }).toString(), algorithms: [alg as Algorithm] }
      } catch (error) {
        const isUnknown = error instanceof errors.JWKSNoMatchingKey || error instanceof errors.JWKSMultipleMatchingKeys
        throw new RoomcastError(isUnknown || keys.jwks() !== undefined ? 'auth/invalid-token' : 'auth/keys-unavailable', undefined, { cause: error })
      }
    },
    close: () => clearInterval(timer)
  }
}

async function readCapped (response: Response, maxBytes: number): Promise<string> {
  const chunks: Uint8Array[] = []
  let bytes = 0
  for await (const chunk of response.body ?? []) {
    bytes += chunk.length
    if (bytes > maxBytes) throw new Error(`the answer has more than ${maxBytes} bytes`)
    chunks.push(chunk)
  }
  return Buffer.concat(chunks).toString()
}
