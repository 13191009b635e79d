// The `pid` of a CONNECT answer. A stock client sends it back with its positions when it reconnects. The service keeps no
// copy, so the pid itself proves its user and the positions that were known before it.
import { createHash, randomBytes } from 'node:crypto'
import { Type } from '@sinclair/typebox'
import { createValidator } from '../wire/validation.ts'

/** A random part, and two digests of 72 bits each. */
const PART_BYTES = 9
const PART = `[A-Za-z0-9_-]{${PART_BYTES / 3 * 4}}`

const pidValidator = createValidator(Type.String({ pattern: `^${PART}\\.${PART}\\.${PART}$` }))

/**
 * @param sub the user of the session
 * @param offset the positions that the client sent; it keeps them until it gets positions of the new session
 */
export function createPid (sub: string, offset: string): string {
  const nonce = randomBytes(PART_BYTES).toString('base64url')
  return `${nonce}.${digest(nonce, sub)}.${digest(nonce, offset)}`
}

/**
 * Whether the positions that came with a pid were sent in its session and to the same user. After a fresh start, a client must
 * not continue from older positions, because it may have loaded its state since.
 */
export function isOfSession (pid: unknown, sub: string, offset: string): pid is string {
  if (!pidValidator.accepts(pid)) return false
  const [nonce, owner, before] = pid.split('.') as [string, string, string]
  return owner === digest(nonce, sub) && before !== digest(nonce, offset)
}

function digest (nonce: string, value: string): string {
  return createHash('sha256').update(JSON.stringify([nonce, value])).digest().subarray(0, PART_BYTES).toString('base64url')
}
