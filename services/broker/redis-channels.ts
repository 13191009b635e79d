// The channels of this instance, each at the shard that serves its slot. When a slot moves, its channels follow.
import { performance } from 'node:perf_hooks'
import { RoomcastError } from '../wire/errors.ts'
import type { Log } from '../observe/log.ts'
import type { RoomKey } from '../wire/rooms.ts'
import { describeRedisError, readRedirect, type Redirect } from './redis-errors.ts'
import type { RedisShard } from './redis-shard.ts'

/** The interval at which lost channels are found, for example of a slot that moved away and back. */
const CONFIRM_AFTER_MS = 1000

export interface RedisChannels {
  /** @throws RoomcastError `broker/unavailable` */
  subscribe (room: RoomKey, slot: number, channel: string, onText: (text: string) => void): Promise<void>
  /** @throws RoomcastError `broker/unavailable` */
  unsubscribe (channel: string): Promise<void>
  /** Moves the channels of slots that are now at other shards. */
  follow (): void
  /** A shard ended a subscription by itself. */
  onMoved (shard: RedisShard): void
  close (): void
}

interface Channel {
  room: RoomKey
  slot: number
  onText: (text: string) => void
  shard: RedisShard | undefined
}

export function createRedisChannels ({ ownerOf, redirected, onInterrupted, onResumed, onRefused, timeoutMs, log }: {
  ownerOf: (slot: number) => RedisShard | undefined
  redirected: (redirect: Redirect, slot: number, shard: RedisShard) => Promise<void>
  onInterrupted: (concerns: (room: RoomKey) => boolean) => void
  onResumed: (concerns: (room: RoomKey) => boolean) => void
  /** A shard did not take over a channel: its slot may have moved on. */
  onRefused: () => void
  timeoutMs: number
  log: Log
}): RedisChannels {
  const channels = new Map<string, Channel>()
  const confirmations = new Map<RedisShard, NodeJS.Timeout>()

  async function subscribe (name: string, channel: Channel): Promise<void> {
    const deadline = performance.now() + timeoutMs
    for (;;) {
      const shard = ownerOf(channel.slot)
      if (shard === undefined) throw new RoomcastError('broker/unavailable')
      channel.shard = shard
      try {
        return await shard.link.subscribe(name, channel.onText)
      } catch (error) {
        const redirect = readRedirect(error)
        if (redirect === undefined || performance.now() >= deadline) throw error
        await redirected(redirect, channel.slot, shard)
      }
    }
  }

  function leave (name: string, shard: RedisShard | undefined): void {
    shard?.link.unsubscribe(name).catch((error: unknown) => log.debug({ err: describeRedisError(error) }, 'a channel that was moved could not be left'))
  }

  async function moveTo (name: string, shard: RedisShard, channel: Channel): Promise<void> {
    leave(name, channel.shard)
    channel.shard = shard
    try {
      await shard.link.adopt(name, channel.onText)
    } catch (error) {
      log.debug({ err: describeRedisError(error) }, 'a channel that was moved is not confirmed yet')
      // The next look moves it. The link must not subscribe to it meanwhile.
      if (channel.shard !== shard) return
      leave(name, shard)
      channel.shard = undefined
      onRefused()
    }
  }

  async function confirm (shard: RedisShard): Promise<void> {
    confirmations.delete(shard)
    try {
      await shard.link.confirm()
    } catch (error) {
      log.debug({ err: describeRedisError(error) }, 'channels are not confirmed again')
      return
    }
    const rooms = new Set([...channels.values()].filter(channel => channel.shard === shard).map(({ room }) => room))
    onResumed(room => rooms.has(room))
  }

  return {
    async subscribe (room, slot, name, onText) {
      const channel: Channel = { room, slot, onText, shard: undefined }
      channels.set(name, channel)
      try {
        await subscribe(name, channel)
      } catch (error) {
        // A later attempt has its own subscription.
        if (channels.get(name) === channel) channels.delete(name)
        throw error
      }
    },

    async unsubscribe (name) {
      const channel = channels.get(name)
      channels.delete(name)
      await channel?.shard?.link.unsubscribe(name)
    },

    follow () {
      const moved = new Map<RoomKey, Channel>()
      const moves: Array<Promise<void>> = []
      for (const [name, channel] of channels) {
        const shard = ownerOf(channel.slot)
        if (shard === undefined || shard === channel.shard) continue
        moved.set(channel.room, channel)
        moves.push(moveTo(name, shard, channel))
      }
      if (moved.size === 0) return
      onInterrupted(room => moved.has(room))
      // A shard whose link does not stand yet announces its rooms when it does.
      const isHeard = (room: RoomKey) => moved.get(room)?.shard?.link.stands.subscriber() === true
      void Promise.all(moves).then(() => onResumed(isHeard))
    },

    onMoved (shard) {
      clearTimeout(confirmations.get(shard))
      confirmations.set(shard, setTimeout(() => { void confirm(shard) }, CONFIRM_AFTER_MS).unref())
    },

    close () {
      for (const timer of confirmations.values()) clearTimeout(timer)
    }
  }
}
