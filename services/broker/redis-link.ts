// The two connections to one Redis, for commands and for subscriptions. Both are replaced when this Redis is not, or no
// longer, the right one.
import type { EventEmitter } from 'node:events'
import type { Redis } from 'ioredis'
import type { BrokerEvents } from './broker.ts'
import type { Log } from '../observe/log.ts'
import type { Metrics } from '../observe/metrics.ts'
import type { Settings } from '../settings.ts'
import type { RedisClock } from './redis-clock.ts'
import { createRedisCommands, type Run } from './redis-commands.ts'
import { renew } from './redis-connect.ts'
import { describeRedisError } from './redis-errors.ts'
import { createRedisOutage } from './redis-outage.ts'
import type { RedisTurn } from './redis-turn.ts'
import { createRedisSubscriber, type RedisSubscriber } from './redis-subscriber.ts'

export interface RedisLink extends Pick<RedisSubscriber, 'subscribe' | 'unsubscribe' | 'barrier'> {
  readonly clock: RedisClock
  readonly turn: RedisTurn
  readonly run: Run
  /** Replaces the faulty connection after a probe got no receipt or no echo. */
  reconnect (reason: string): void
  fault (): string | undefined
  close (): void
}

export interface RedisLinkOptions {
  commands: Redis
  subscriber: Redis
  /** The address of this Redis, for the log. */
  place: string
  settings: Settings
  log: Log
  metrics: Metrics
  events: EventEmitter<BrokerEvents>
}

export function createRedisLink ({ commands, subscriber, place, settings, log, metrics, events }: RedisLinkOptions): RedisLink {
  const outage = createRedisOutage(place, log)
  let hasBeenUp = false
  let closed = false

  watch(commands, 'commands')
  watch(subscriber, 'subscriber')
  const asking = createRedisCommands({
    redis: commands,
    settings,
    log,
    metrics,
    onConnected () {
      metrics.redisUp.set({ link: 'commands' }, 1)
      announce()
    },
    onWritten () {
      if (fault() === undefined) outage.over()
    },
    onUnfit: leave
  })
  const listening = createRedisSubscriber({
    redis: subscriber,
    settings,
    log,
    metrics,
    onConfirmed () {
      metrics.redisUp.set({ link: 'subscriber' }, 1)
      announce()
    },
    onLost () {
      if (!closed) events.emit('interrupted')
    },
    onFailed: outage.failed
  })

  function watch (redis: Redis, link: 'commands' | 'subscriber'): void {
    redis.on('reconnecting', () => metrics.redisReconnects.inc({ link }))
    redis.on('error', (error: Error & { command?: { name: string } }) => {
      outage.failed(describeRedisError(error))
      // ioredis would continue in database 0.
      if (error.command?.name === 'select') renew(redis)
    })
    redis.on('close', () => {
      metrics.redisUp.set({ link }, 0)
      if (!closed) outage.lost()
    })
  }

  /** Both connections are up, one of them new. Messages may have been missed, and Redis may have lost data. */
  function announce (): void {
    if (fault() !== undefined) return
    if (!hasBeenUp) log.info({ redis: place }, 'redis connected')
    hasBeenUp = true
    events.emit('resumed')
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
    clock: asking.clock,
    turn: asking.turn,
    run: asking.run,
    subscribe: listening.subscribe,
    unsubscribe: listening.unsubscribe,
    barrier: listening.barrier,

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
