// The keys from the settings that verify tokens, each pinned to its algorithm.
import { createPublicKey, randomBytes, type KeyObject } from 'node:crypto'
import { createVerifier } from 'fast-jwt'
import { weaknessOf } from './key-strength.ts'
import { SettingsError, type Settings } from '../settings.ts'

export type Algorithm = 'HS256' | 'RS256' | 'ES256' | 'EdDSA'

/** A secret, or a public key in PEM, with its algorithm. */
export interface KeyMaterial {
  key: string
  algorithm: Algorithm
}

/** A key that is ready to verify. It is created once and used for every token. */
export interface TokenKey {
  /**
   * Checks the signature and returns the claims; does not check their times.
   * @throws TokenError of fast-jwt
   */
  verify (token: string): unknown
  /** Whether tokens of this key are still trusted: an issuer can withdraw its keys. */
  isCurrent (): boolean
}

/** A key that an issuer published. The issuer can withdraw it at run time. */
export function createIssuerKey ({ key, algorithm }: KeyMaterial, settings: Settings, isCurrent: () => boolean): TokenKey {
  const verify = createVerifier({ key, ...verifyOptions(algorithm, settings) })
  return { verify: token => verify(token) as unknown, isCurrent }
}

/** The fast-jwt options that apply to every key. */
export function verifyOptions (algorithm: Algorithm, { JWT_ISSUER, JWT_AUDIENCE }: Settings) {
  return {
    algorithms: [algorithm],
    // identity.ts checks the times of a token at each use.
    ignoreExpiration: true,
    ignoreNotBefore: true,
    // fast-jwt accepts a token without `iss` or `aud` unless they are required.
    requiredClaims: ['sub', 'exp', ...JWT_ISSUER === '' ? [] : ['iss'], ...JWT_AUDIENCE === '' ? [] : ['aud']],
    ...JWT_ISSUER === '' ? {} : { allowedIss: JWT_ISSUER },
    ...JWT_AUDIENCE === '' ? {} : { allowedAud: JWT_AUDIENCE }
  }
}

/**
 * The keys of the settings, the current one first.
 * @throws SettingsError for an unreadable or weak public key
 */
export function settingsKeys ({ JWT_SECRET, JWT_SECRET_PREVIOUS, JWT_PUBLIC_KEY }: Settings): KeyMaterial[] {
  if (JWT_PUBLIC_KEY !== '') return [publicKey(JWT_PUBLIC_KEY.replaceAll('\\n', '\n'))]
  return [JWT_SECRET, JWT_SECRET_PREVIOUS].filter(secret => secret !== '').map(key => ({ key, algorithm: 'HS256' }))
}

/** A key for this run only, to try out the service. */
export function randomKey (): KeyMaterial {
  return { key: randomBytes(32).toString('base64url'), algorithm: 'HS256' }
}

function publicKey (text: string): KeyMaterial {
  const { key, algorithm } = readPublicKey(text)
  const weakness = weaknessOf(key)
  if (weakness !== undefined) throw new SettingsError(`JWT_PUBLIC_KEY is too weak: ${weakness}`)
  return { key: toPem(key), algorithm }
}

function readPublicKey (text: string): { key: KeyObject, algorithm: Algorithm } {
  try {
    const key = createPublicKey(text)
    return { key, algorithm: algorithmOf(key) }
  } catch (error) {
    throw new SettingsError('JWT_PUBLIC_KEY should be a public key in PEM: RSA, P-256 or Ed25519', { cause: error })
  }
}

function algorithmOf ({ asymmetricKeyType, asymmetricKeyDetails }: KeyObject): Algorithm {
  if (asymmetricKeyType === 'rsa') return 'RS256'
  if (asymmetricKeyType === 'ed25519') return 'EdDSA'
  if (asymmetricKeyType === 'ec' && asymmetricKeyDetails?.namedCurve === 'prime256v1') return 'ES256'
  throw new TypeError(`keys of type ${String(asymmetricKeyType)} are not supported`)
}

export function toPem (key: KeyObject): string {
  return key.export({ type: 'spki', format: 'pem' }).toString()
}
