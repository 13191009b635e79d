// The `pid` that CONNECT carries: it comes back with the positions when a stock client reconnects. Nothing of it is kept here,
// so it says itself whose it is, and which positions were known before it.
import { createHash, randomBytes } from 'node:crypto'
import { Type } from '@sinclair/typebox'
import { createValidator } from '../wire/validation.ts'

/** A random part, and two digests of 72 bits each. */
const PART_BYTES = 9
const PART = `[A-Za-z0-9_-]{${PART_BYTES / 3 * 4}}`

const pidValidator = createValidator(Type.String({ pattern: `^${PART}\\.${PART}\\.${PART}$` }))

/**
 * @param sub whose session it is
 * @param offset what the client sent along: it keeps that until it is sent positions of the new session
 */
export function createPid (sub: string, offset: string): string {
  const nonce = randomBytes(PART_BYTES).toString('base64url')
  return `${nonce}.${digest(nonce, sub)}.${digest(nonce, offset)}`
}

/**
 * Whether positions that came with a pid were written in its session, and to the same user. Where a client was told to begin
 * anew, what it has from before is not to be gone on from: it may have loaded its state since.
 */
export function isOfSession (pid: unknown, sub: string, offset: string): pid is string {
  if (!pidValidator.accepts(pid)) return false
  const [nonce, owner, before] = pid.split('.') as [string, string, string]
  return owner === digest(nonce, sub) && before !== digest(nonce, offset)
}

function digest (nonce: string, value: string): string {
  return createHash('sha256').update(JSON.stringify([nonce, value])).digest().subarray(0, PART_BYTES).toString('base64url')
}
