// What was sent to Redis and not answered: bounded in commands and in bytes, since all of it is held here meanwhile.
// A refusal counts to the end of its turn: a smaller update does not overtake one of its room that was given before it.
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
    throw limitError(metrics, name, 'Too much waits for Redis, and this was not sent: try again in a moment.', 'broker/unavailable')
  }
}
