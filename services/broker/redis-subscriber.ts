// The connection for messages. After a reconnect, every channel is confirmed again.
import type { Redis } from 'ioredis'
import { RoomcastError } from '../wire/errors.ts'
import type { Log } from '../observe/log.ts'
import type { Metrics } from '../observe/metrics.ts'
import type { Settings } from '../settings.ts'
import { renew } from './redis-connect.ts'
import { describeRedisError, toBrokerError, withoutCommand } from './redis-errors.ts'
import { readState } from './redis-identity.ts'
import { withTimeout } from './redis-timeout.ts'

/** Channels in one SUBSCRIBE after a reconnect. */
const RESUBSCRIBE_CHUNK = 500

export interface RedisSubscriber {
  /** Whether every channel is confirmed on the present connection. */
  isConfirmed (): boolean
  /** @throws RoomcastError `broker/unavailable` if Redis does not confirm */
  subscribe (channel: string, onText: (text: string) => void): Promise<void>
  /** @throws RoomcastError `broker/unavailable` */
  unsubscribe (channel: string): Promise<void>
  /** Resolves when everything that Redis has sent to our subscriptions so far has arrived. @throws RoomcastError `broker/unavailable` */
  barrier (): Promise<void>
}

export interface RedisSubscriberOptions {
  redis: Redis
  settings: Settings
  log: Log
  metrics: Metrics
  /** Every channel is confirmed again. */
  onConfirmed: () => void
  /** Messages may be lost from now on. */
  onLost: () => void
  /** The connection is unusable and will be replaced. */
  onFailed: (reason: string) => void
}

export function createRedisSubscriber ({ redis, settings, log, metrics, onConfirmed, onLost, onFailed }: RedisSubscriberOptions): RedisSubscriber {
  const handlers = new Map<string, (text: string) => void>()
  let confirmed = false

  redis.on('ready', () => { void onReady() })
  redis.on('message', onMessage)
  redis.on('close', () => {
    if (!confirmed) return
    confirmed = false
    onLost()
  })

  async function onReady (): Promise<void> {
    try {
      // A replica forwards its master's messages, but its subscribers do not count in receipts.
      const { unfit } = readState(await withTimeout(redis.info(), settings.PROBE_TIMEOUT_MS))
      if (unfit !== undefined) throw new Error(unfit)
      const channels = [...handlers.keys()]
      for (let from = 0; from < channels.length; from += RESUBSCRIBE_CHUNK) {
        await withTimeout(redis.subscribe(...channels.slice(from, from + RESUBSCRIBE_CHUNK)), settings.PROBE_TIMEOUT_MS)
      }
    } catch (error) {
      onFailed(describeRedisError(error))
      renew(redis)
      return
    }
    confirmed = true
    log.debug({ channels: handlers.size }, 'redis subscriber connected')
    onConfirmed()
  }

  function onMessage (channel: string, text: string): void {
    const handler = handlers.get(channel)
    if (handler !== undefined) return handle(handler, text)
    // Redis confirmed a SUBSCRIBE after we had given up on it.
    redis.unsubscribe(channel).catch((error: Error) => log.debug({ err: describeRedisError(error) }, 'late unsubscribe failed'))
  }

  /** An error while one message is handled must not end the connection that carries all messages. */
  function handle (handler: (text: string) => void, text: string): void {
    try {
      handler(text)
    } catch (error) {
      metrics.dropped.inc({ reason: 'failed' })
      log.error({ err: error }, 'failed to handle a message')
    }
  }

  return {
    isConfirmed: () => confirmed,

    async subscribe (channel, onText) {
      if (redis.status !== 'ready') throw new RoomcastError('broker/unavailable', 'The link to Redis is down: subscribe again in a moment.')
      handlers.set(channel, onText)
      try {
        await withTimeout(redis.subscribe(channel), settings.PROBE_TIMEOUT_MS)
      } catch (error) {
        // Keep the handler of a later attempt.
        if (handlers.get(channel) === onText) handlers.delete(channel)
        throw new RoomcastError('broker/unavailable', 'Redis did not confirm the subscription: subscribe again in a moment.', { cause: withoutCommand(error) })
      }
    },

    async unsubscribe (channel) {
      handlers.delete(channel)
      if (redis.status === 'ready') await answered(redis.unsubscribe(channel))
    },

    async barrier () {
      if (!confirmed) throw new RoomcastError('broker/unavailable')
      await answered(redis.ping())
    }
  }

  async function answered (command: Promise<unknown>): Promise<void> {
    try {
      await withTimeout(command, settings.PROBE_TIMEOUT_MS)
    } catch (error) {
      throw toBrokerError(error, 'read')
    }
  }
}
