// The keys that an issuer publishes (JWT_JWKS_URL). They are refreshed in the background; the old keys stay in use while
// the issuer is down. The issuer is trusted for its keys only.
import { createPublicKey, KeyObject, type JsonWebKeyInput } from 'node:crypto'
import { performance } from 'node:perf_hooks'
import { createLocalJWKSet, errors, type JSONWebKeySet } from 'jose'
import { createIssuerKey, toPem, type Algorithm, type TokenKey } from './keys.ts'
import { weaknessOf } from './key-strength.ts'
import type { Log } from '../observe/log.ts'
import { RoomcastError } from '../wire/errors.ts'
import type { Settings } from '../settings.ts'

export interface IssuerKeys {
  /**
   * Finds the key that a token's header names.
   * @throws RoomcastError `auth/invalid-token`; `auth/keys-unavailable` when no keys were fetched yet, and for an unknown
   *   key id while the issuer may not be asked again: the key may be newer than our last fetch
   */
  find (header: { alg: string, kid?: unknown }): Promise<TokenKey>
  close (): void
}

const MAX_KEY_ID_LENGTH = 256
const PUBLIC_ALGORITHMS: readonly string[] = ['RS256', 'ES256', 'EdDSA'] satisfies Algorithm[]
/** Until the first keys arrive, the issuer is asked at most once in this time. */
const FIRST_KEYS_PAUSE_MS = 1000

interface KeySet {
  /** The text that was fetched, compared with the next one. */
  text: string
  /** Whether a key has this id, including keys that were refused as weak. */
  has (id: string): boolean
  /** @returns undefined if no key matches. @throws RoomcastError `auth/invalid-token` if several do */
  find (alg: Algorithm, id: string | undefined): Promise<TokenKey | undefined>
}

export function createIssuerKeys (settings: Settings, log: Log): IssuerKeys {
  const { url, headers } = addressOf(settings.JWT_JWKS_URL)
  let current: KeySet | undefined
  let askedAt = -Infinity
  let fetching: Promise<void> | undefined
  let isFailing = false

  function fetchKeys (): Promise<void> {
    fetching ??= fetchNow().then(() => {
      if (isFailing) log.warn({}, "the issuer's keys are fetched again")
      isFailing = false
    }, (error: Error) => {
      log.warn({ err: error.message }, "the issuer's keys cannot be fetched, and the known ones stay in use: look at JWT_JWKS_URL and the issuer")
      isFailing = true
      throw error
    }).finally(() => { fetching = undefined })
    return fetching
  }

  async function fetchNow (): Promise<void> {
    askedAt = performance.now()
    const response = await fetch(url, { headers, redirect: 'manual', signal: AbortSignal.timeout(settings.JWKS_TIMEOUT_MS) })
    if (response.status !== 200) throw new Error(`the issuer answered ${response.status}`)
    const text = await readCapped(response, settings.JWKS_MAX_BYTES)
    // Unchanged keys stay, with the tokens that they have verified.
    if (text === current?.text) return
    const set = createKeySet(text, settings, log, () => current === set)
    current = set
  }

  const refresh = (): void => {
    fetchKeys().catch(() => { /* It is logged, and the next one may succeed. */ })
  }
  refresh()
  const timer = setInterval(refresh, settings.JWKS_CACHE_SECONDS * 1000)
  timer.unref()

  return {
    async find ({ alg, kid }) {
      const isTooLong = typeof kid === 'string' && kid.length > MAX_KEY_ID_LENGTH
      if (!isPublicAlgorithm(alg) || (kid !== undefined && typeof kid !== 'string') || isTooLong) throw new RoomcastError('auth/invalid-token')
      const known = await current?.find(alg, kid)
      if (known !== undefined) return known
      if (kid !== undefined && current?.has(kid) === true) throw new RoomcastError('auth/invalid-token')

      const pauseMs = current === undefined ? FIRST_KEYS_PAUSE_MS : settings.JWKS_REFETCH_SECONDS * 1000
      // A fetch that began earlier may have read the keys before this one was published.
      const isAskedEarlier = fetching !== undefined
      if (!isAskedEarlier && performance.now() - askedAt < pauseMs) throw new RoomcastError('auth/keys-unavailable')
      try {
        await fetchKeys()
      } catch (error) {
        throw new RoomcastError('auth/keys-unavailable', undefined, { cause: error })
      }
      const fetched = await current?.find(alg, kid)
      if (fetched === undefined) throw new RoomcastError(isAskedEarlier ? 'auth/keys-unavailable' : 'auth/invalid-token')
      return fetched
    },
    close: () => clearInterval(timer)
  }
}

/** `fetch` refuses a URL with a user and a password. */
function addressOf (setting: string): { url: URL, headers: Record<string, string> } {
  const url = new URL(setting)
  const { username, password } = url
  url.username = url.password = ''
  const credentials = `${decodeURIComponent(username)}:${decodeURIComponent(password)}`
  return {
    url,
    headers: { Accept: 'application/json, application/jwk-set+json', ...credentials === ':' ? {} : { Authorization: `Basic ${Buffer.from(credentials).toString('base64')}` } }
  }
}

function isPublicAlgorithm (alg: string): alg is Algorithm {
  return PUBLIC_ALGORITHMS.includes(alg)
}

/** @throws Error if the text is not a key set */
function createKeySet (text: string, settings: Settings, log: Log, isCurrent: () => boolean): KeySet {
  const { keys } = JSON.parse(text) as JSONWebKeySet
  const ids = new Set(keys.map(({ kid }) => kid))
  const find = createLocalJWKSet({ keys: strongOf(keys, log) })
  const made = new WeakMap<object, TokenKey>()
  return {
    text,
    has: id => ids.has(id),
    async find (alg, id) {
      try {
        const key = await find({ alg, ...id === undefined ? {} : { kid: id } })
        let tokenKey = made.get(key)
        if (tokenKey === undefined) {
          tokenKey = createIssuerKey({ key: toPem(KeyObject.from(key)), algorithm: alg }, settings, isCurrent)
          made.set(key, tokenKey)
        }
        return tokenKey
      } catch (error) {
        if (error instanceof errors.JWKSNoMatchingKey) return undefined
        throw new RoomcastError('auth/invalid-token', undefined, { cause: error })
      }
    }
  }
}

/** Leaves out weak keys, and those that cannot be read, for example for an unknown algorithm. */
function strongOf (keys: JSONWebKeySet['keys'], log: Log): JSONWebKeySet['keys'] {
  const weak: Array<{ kid: string | undefined, weakness: string }> = []
  const strong = keys.filter(jwk => {
    const { kid } = jwk
    try {
      const weakness = weaknessOf(createPublicKey({ key: jwk, format: 'jwk' } as JsonWebKeyInput))
      if (weakness !== undefined) weak.push({ kid, weakness })
      return weakness === undefined
    } catch (error) {
      log.debug({ kid, err: (error as Error).message }, 'a key of the issuer cannot be used')
      return false
    }
  })
  if (weak.length > 0) log.warn({ keys: weak }, 'keys of the issuer are refused because they are too weak: let the issuer replace them')
  return strong
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
