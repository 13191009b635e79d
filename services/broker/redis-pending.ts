// What was sent to Redis and not answered: bounded in commands and in bytes, since all of it is held here meanwhile.
import { limitError } from '../observe/limits.ts'
import type { Metrics } from '../observe/metrics.ts'
import type { Settings } from '../settings.ts'

export interface RedisPending {
  /**
   * A command is to be sent.
   * @param bytes of its arguments
   * @throws RoomcastError `broker/unavailable` where too much waits already
   */
  take (bytes: number): void
  /** It was answered, or given up with its connection. */
  release (bytes: number): void
}

/**
 * @param shards how many there are: each may hold its part of the bytes, so that one that hangs leaves the others theirs,
 *   and one update whatever its size
 */
export function createRedisPending (settings: Settings, metrics: Metrics, shards: () => number = () => 1): RedisPending {
  let commands = 0
  let held = 0

  return {
    take (bytes) {
      if (commands >= settings.REDIS_MAX_PENDING) refuse('redis-pending')
      if (held > 0 && held + bytes > settings.REDIS_MAX_PENDING_BYTES / shards()) refuse('redis-pending-bytes')
      commands++
      held += bytes
    },
    release (bytes) {
      commands--
      held -= bytes
    }
  }

  function refuse (limit: string): never {
    throw limitError(metrics, limit, 'Too much waits for Redis, and this was not sent: try again in a moment.', 'broker/unavailable')
  }
}
