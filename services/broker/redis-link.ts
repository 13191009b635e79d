// The two connections to one Redis, for commands and for subscriptions. Both are replaced when this Redis is not, or no
// longer, the right one.
import type { Redis } from 'ioredis'
import type { Log } from '../observe/log.ts'
import type { Metrics } from '../observe/metrics.ts'
import type { Settings } from '../settings.ts'
import { createRedisCommands, type RedisCommands } from './redis-commands.ts'
import { placeOf, renew } from './redis-connect.ts'
import { describeRedisError } from './redis-errors.ts'
import { createRedisOutage } from './redis-outage.ts'
import type { RedisPending } from './redis-pending.ts'
import { createRedisSubscriber, type RedisSubscriber } from './redis-subscriber.ts'

export interface RedisLink extends Pick<RedisCommands, 'clock' | 'turn' | 'run' | 'process'>, Pick<RedisSubscriber, 'subscribe' | 'adopt' | 'unsubscribe' | 'confirm' | 'barrier'> {
  /** The address of this Redis, without credentials. */
  readonly place: string
  /** For questions about the cluster itself. */
  readonly commands: Redis
  readonly stands: Record<keyof RedisConnections, () => boolean>
  /** Replaces the faulty connection after a probe got no receipt or no echo. */
  reconnect (reason: string): void
  fault (): string | undefined
  close (): void
}

/** The two connections of a link. */
export interface RedisConnections {
  commands: Redis
  subscriber: Redis
}

/** A node of a cluster. */
export interface RedisNode {
  id: string
  slotOf: (channel: string) => number
  /** Whether it has no slots, so that no write shows that it works. */
  isIdle: () => boolean
}

export interface RedisLinkOptions extends RedisConnections {
  /** Undefined for a Redis that is no node of a cluster. */
  node?: RedisNode | undefined
  pending: RedisPending
  settings: Settings
  log: Log
  metrics: Metrics
  /** Both connections stand, one of them newly: what passed in between may be missing here, or gone from Redis. */
  onUp: () => void
  /** One of its connections stands now, or does not any more. */
  onChange: () => void
  /** A command failed. */
  onFailed: () => void
  /** Another process of Redis answers than before. */
  onOther: () => void
  /** Messages may be getting lost. */
  onDown: () => void
  /** The slot of a channel is not here any more. */
  onMoved: () => void
}

export function createRedisLink (options: RedisLinkOptions): RedisLink {
  const { commands, subscriber, node, pending, settings, log, metrics, onUp, onDown, onChange, onFailed, onOther, onMoved } = options
  const place = placeOf(commands)
  const outage = createRedisOutage(place, log)
  let hasBeenUp = false
  let closed = false

  const asking = createRedisCommands({
    redis: commands,
    node: node?.id,
    pending,
    settings,
    log,
    onConnected () {
      onChange()
      announce()
    },
    onWritten () {
      if (fault() === undefined) outage.over()
    },
    onFailed,
    onOther,
    onUnfit: leave
  })
  const listening = createRedisSubscriber({
    redis: subscriber,
    slotOf: node?.slotOf,
    settings,
    log,
    metrics,
    onConfirmed () {
      onChange()
      announce()
    },
    onLost () {
      if (!closed) onDown()
    },
    onFailed: outage.failed,
    onMoved
  })
  watch(commands, 'commands')
  watch(subscriber, 'subscriber')

  function watch (redis: Redis, link: 'commands' | 'subscriber'): void {
    redis.on('reconnecting', () => metrics.redisReconnects.inc({ link }))
    redis.on('error', (error: Error & { command?: { name: string } }) => {
      outage.failed(describeRedisError(error))
      // ioredis would continue in database 0.
      if (error.command?.name === 'select') renew(redis)
    })
    redis.on('close', () => {
      if (closed) return
      outage.lost()
      onChange()
    })
  }

  /** Both connections are up, one of them new. Messages may have been missed, and Redis may have lost data. */
  function announce (): void {
    if (fault() !== undefined) return
    if (!hasBeenUp) log.info({ redis: place }, 'redis connected')
    hasBeenUp = true
    if (node?.isIdle() === true) outage.over()
    onUp()
  }

  /** Reconnects, to the same address or to the one that the Sentinels name. */
  function leave (reason: string): void {
    outage.failed(reason)
    if (asking.isConnected()) metrics.redisReplaced.inc()
    asking.forget()
    renew(commands)
    renew(subscriber)
  }

  function fault (): string | undefined {
    if (!asking.isConnected()) return 'not connected to Redis'
    if (!listening.isConfirmed()) return 'subscriptions at Redis are not confirmed'
    return undefined
  }

  return {
    place,
    commands,
    clock: asking.clock,
    turn: asking.turn,
    run: asking.run,
    process: asking.process,
    subscribe: listening.subscribe,
    adopt: listening.adopt,
    unsubscribe: listening.unsubscribe,
    confirm: listening.confirm,
    barrier: listening.barrier,
    stands: { commands: asking.isConnected, subscriber: listening.isConfirmed },

    reconnect (reason) {
      const refusal = asking.refusal()
      // A full Redis publishes no probe, so another connection would get no echo either.
      if (refusal?.server === 'right') return outage.refused(refusal.reason)
      if (refusal !== undefined || !asking.isConnected()) return leave(refusal?.reason ?? reason)
      outage.failed(reason)
      metrics.redisReplaced.inc()
      renew(subscriber)
    },

    fault,
    close () {
      closed = true
      outage.close()
      subscriber.disconnect()
      asking.close()
    }
  }
}
