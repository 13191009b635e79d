// Generates epochs from a pool of random bytes: every publish carries one, in case its room has none.
import { randomBytes } from 'node:crypto'

/** 72 random bits, 12 characters of base64url. */
const EPOCH_BYTES = 9
const POOL_BYTES = EPOCH_BYTES * 512

export function createEpochs (): () => string {
  let pool = Buffer.alloc(0)
  let used = 0

  return () => {
    if (used === pool.length) {
      pool = randomBytes(POOL_BYTES)
      used = 0
    }
    used += EPOCH_BYTES
    return pool.toString('base64url', used - EPOCH_BYTES, used)
  }
}
