// The connection for messages. After a reconnect, every channel is confirmed again.
import type { Redis } from 'ioredis'
import { RoomcastError } from '../wire/errors.ts'
import type { Log } from '../observe/log.ts'
import type { Metrics } from '../observe/metrics.ts'
import type { Settings } from '../settings.ts'
import { renew } from './redis-connect.ts'
import { describeRedisError, readRedirect, toBrokerError, withoutCommand } from './redis-errors.ts'
import { readState } from './redis-identity.ts'
import { withTimeout } from './redis-timeout.ts'

/** Channels that are confirmed at a time after a reconnect. */
const CONFIRM_CHUNK = 500

export interface RedisSubscriber {
  /** Whether every channel is confirmed on the present connection. */
  isConfirmed (): boolean
  /** @throws RoomcastError `broker/unavailable` if Redis does not confirm */
  subscribe (channel: string, onText: (text: string) => void): Promise<void>
  /** Subscribes now, or as soon as there is a connection; one that is refused stays ours. @throws the error of Redis */
  adopt (channel: string, onText: (text: string) => void): Promise<void>
  /** @throws RoomcastError `broker/unavailable` */
  unsubscribe (channel: string): Promise<void>
  /** Subscribes to every channel again, because Redis ended one and did not say which. */
  confirm (): Promise<void>
  /** Resolves when everything that Redis has sent to our subscriptions so far has arrived. @throws RoomcastError `broker/unavailable` */
  barrier (): Promise<void>
}

export interface RedisSubscriberOptions {
  redis: Redis
  /** The slot of a channel, in a cluster: one command names channels of one slot. */
  slotOf: ((channel: string) => number) | undefined
  settings: Settings
  log: Log
  metrics: Metrics
  /** Every channel is confirmed again. */
  onConfirmed: () => void
  /** Messages may be lost from now on. */
  onLost: () => void
  /** The connection is unusable and will be replaced. */
  onFailed: (reason: string) => void
  /** A channel's slot is not here any more: nothing comes over it. */
  onMoved: () => void
}

export function createRedisSubscriber (options: RedisSubscriberOptions): RedisSubscriber {
  const { redis, slotOf, settings, log, metrics, onConfirmed, onLost, onFailed, onMoved } = options
  const handlers = new Map<string, (text: string) => void>()
  let confirmed = false

  redis.on('ready', () => { void onReady() })
  redis.on(slotOf === undefined ? 'message' : 'smessage', onMessage)
  redis.on('moved', onMoved)
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
      await confirm()
    } catch (error) {
      onFailed(describeRedisError(error))
      renew(redis)
      return
    }
    confirmed = true
    log.debug({ channels: handlers.size }, 'redis subscriber connected')
    onConfirmed()
  }

  async function confirm (): Promise<void> {
    const channels = [...handlers.keys()]
    for (let from = 0; from < channels.length; from += CONFIRM_CHUNK) {
      await withTimeout(Promise.all(together(channels.slice(from, from + CONFIRM_CHUNK)).map(subscribeHere)), settings.PROBE_TIMEOUT_MS)
    }
  }

  /** Channels by the commands that may name them. */
  function together (channels: string[]): string[][] {
    if (slotOf === undefined) return [channels]
    const bySlot = new Map<number, string[]>()
    for (const channel of channels) {
      const slot = slotOf(channel)
      const others = bySlot.get(slot)
      if (others === undefined) bySlot.set(slot, [channel])
      else others.push(channel)
    }
    return [...bySlot.values()]
  }

  /** Those that are elsewhere now are not for this connection to confirm: `onMoved` is told. */
  async function subscribeHere (channels: string[]): Promise<void> {
    try {
      await send('subscribe', ...channels)
    } catch (error) {
      if (readRedirect(error) === undefined) throw error
    }
  }

  function send (what: 'subscribe' | 'unsubscribe', ...channels: string[]): Promise<unknown> {
    if (slotOf === undefined) return redis[what](...channels)
    return what === 'subscribe' ? redis.ssubscribe(...channels) : redis.sunsubscribe(...channels)
  }

  function onMessage (channel: string, text: string): void {
    const handler = handlers.get(channel)
    if (handler !== undefined) return handle(handler, text)
    // Redis confirmed a SUBSCRIBE after we had given up on it.
    send('unsubscribe', channel).catch((error: Error) => log.debug({ err: describeRedisError(error) }, 'late unsubscribe failed'))
  }

  /** An error while one message is handled must not end the connection that carries all messages. */
  function handle (handler: (text: string) => void, text: string): void {
    try {
      handler(text)
    } catch (error) {
      metrics.dropped.inc({ reason: 'failed' })
      log.error({ err: error }, 'a message was not handled by a bug: please report this line')
    }
  }

  return {
    isConfirmed: () => confirmed,

    async subscribe (channel, onText) {
      if (redis.status !== 'ready') throw new RoomcastError('broker/unavailable', 'The link to Redis is down: subscribe again in a moment.')
      handlers.set(channel, onText)
      try {
        await withTimeout(send('subscribe', channel), settings.PROBE_TIMEOUT_MS)
      } catch (error) {
        // Keep the handler of a later attempt.
        if (handlers.get(channel) === onText) handlers.delete(channel)
        throw new RoomcastError('broker/unavailable', 'Redis did not confirm the subscription: subscribe again in a moment.', { cause: withoutCommand(error) })
      }
    },

    async adopt (channel, onText) {
      handlers.set(channel, onText)
      if (redis.status === 'ready') await withTimeout(send('subscribe', channel), settings.PROBE_TIMEOUT_MS)
    },

    async unsubscribe (channel) {
      handlers.delete(channel)
      if (redis.status === 'ready') await answered(send('unsubscribe', channel))
    },

    confirm,

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
