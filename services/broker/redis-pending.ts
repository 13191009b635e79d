// Bounds the unanswered commands to Redis, in number and bytes, because their arguments stay in memory.
import { limitError } from '../observe/limits.ts'
import type { Metrics } from '../observe/metrics.ts'
import type { Settings } from '../settings.ts'

export interface RedisPending {
  /**
    * Counts a command that is about to be sent.
    * @param bytes size of its arguments
    * @throws RoomcastError `broker/unavailable` if too much is already unanswered
   */
  take (bytes: number): void
  /** Call it when the command was answered, or failed with its connection. */
  release (bytes: number): void
}

export function createRedisPending (settings: Settings, metrics: Metrics): RedisPending {
  let commands = 0
  let held = 0

  return {
    take (bytes) {
      if (commands >= settings.REDIS_MAX_PENDING) refuse('redis-pending')
      if (held + bytes > settings.REDIS_MAX_PENDING_BYTES) refuse('redis-pending-bytes')
      commands++
      held += bytes
    },
    release (bytes) {
      commands--
      held -= bytes
    }
  }

  function refuse (limit: string): never {
    throw limitError(metrics, limit, 'Too many commands wait for Redis, so this one was not sent: try again in a moment.', 'broker/unavailable')
  }
}
