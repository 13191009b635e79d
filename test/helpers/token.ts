// Tokens for tests: good ones by default, and every kind of bad one.
import { createSigner, type Algorithm } from 'fast-jwt'

export const TEST_SECRET = 'a secret for tests only, of more than 32 characters'

export const ALL_ACTIONS = ['subscribe', 'publish', 'presence', 'manage']

export interface Claims {
  sub?: string
  exp?: number
  iat?: number
  name?: string
  email?: string
  picture?: string
  jti?: string
  capabilities?: Record<string, string[]>
  [claim: string]: unknown
}

export interface TokenOptions {
  /** A secret or a private key in PEM. */
  key?: string | Buffer
  algorithm?: Algorithm
  kid?: string
  omit?: string[]
}

export function token (claims: Claims = {}, { key = TEST_SECRET, algorithm = 'HS256', kid, omit = [] }: TokenOptions = {}): string {
  const now = nowInSeconds()
  const all: Claims = { sub: 'ann', iat: now, exp: now + 3600, capabilities: { '*/*': ALL_ACTIONS }, ...claims }
  const kept: Claims = Object.fromEntries(Object.entries(all).filter(([claim]) => !omit.includes(claim)))
  return createSigner({ key, algorithm, ...kid && { kid }, noTimestamp: kept.iat === undefined })(kept)
}

/** Puts together what no honest signer would: objects become JSON, strings are taken as they are, before base64url. */
export function rawToken (header: object | string, payload: object | string, signature: string | Buffer = ''): string {
  return [encode(header), encode(payload), Buffer.from(signature).toString('base64url')].join('.')
}

export function nowInSeconds (): number {
  return Math.floor(Date.now() / 1000)
}

function encode (part: object | string): string {
  return Buffer.from(typeof part === 'string' ? part : JSON.stringify(part)).toString('base64url')
}
