// Bounds the unanswered commands to Redis, in number and bytes, because their arguments stay in memory. A refusal lasts to
// the end of its turn: a smaller update does not overtake an earlier one of its room.
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
  /** Struck in this turn. */
  let limit: string | undefined

  return {
    take (bytes) {
      if (limit !== undefined) refuse(limit)
      if (commands >= settings.REDIS_MAX_PENDING) strike('redis-pending')
      if (held + bytes > settings.REDIS_MAX_PENDING_BYTES) strike('redis-pending-bytes')
      commands++
      held += bytes
    },
    release (bytes) {
      commands--
      held -= bytes
    }
  }

  function strike (name: string): never {
    limit = name
    setImmediate(() => { limit = undefined })
    refuse(name)
  }

  function refuse (name: string): never {
    throw limitError(metrics, name, 'Too many commands wait for Redis, so this one was not sent: try again in a moment.', 'broker/unavailable')
  }
}
