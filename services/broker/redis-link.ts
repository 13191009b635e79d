// The two connections to Redis, one for commands and one for subscriptions: bounded, timed, and replaced when silent.
import type { EventEmitter } from 'node:events'
import { performance } from 'node:perf_hooks'
import type { Redis } from 'ioredis'
import type { BrokerEvents } from './broker.ts'
import { RoomcastError } from '../wire/errors.ts'
import type { Log } from '../observe/log.ts'
import type { Metrics } from '../observe/metrics.ts'
import { createRedisClock, type RedisClock } from './redis-clock.ts'
import { redisScripts } from './redis-scripts.ts'
import type { Settings } from '../settings.ts'

/** Channels in one SUBSCRIBE after a reconnect. */
const RESUBSCRIBE_CHUNK = 500
/** How often the identity and the eviction policy of Redis are looked at again. */
const INFO_INTERVAL_MS = 30_000

type ScriptName = keyof typeof redisScripts
export type ScriptedRedis = Redis & Record<ScriptName, (...args: Array<string | number>) => Promise<unknown>>

/** The Redis process at the other end of the command connection. */
export interface RedisIdentity {
  runId: string
  /** It keeps an append-only file, and is no promoted replica: a new process has all that the one before it had. */
  durable: boolean
}

export interface RedisLink {
  readonly clock: RedisClock
  /**
   * Runs commands on the command connection.
   * @param kind what may have happened when no answer comes: a `read` changed nothing, a `write` is in doubt
   * @throws RoomcastError `broker/unavailable` (not run), `broker/timeout` (a write that may have run)
   */
  run<T> (kind: 'read' | 'write', command: (redis: ScriptedRedis, identity: RedisIdentity) => Promise<T>, timeoutMs?: number): Promise<T>
  subscribe (channel: string, onText: (text: string) => void): Promise<void>
  unsubscribe (channel: string): Promise<void>
  /** Resolves when everything that Redis sent to our subscriptions before now has come. */
  barrier (): Promise<void>
  /** Replaces the subscriber connection, and the command connection if it is silent too. */
  reconnect (reason: string): void
  fault (): string | undefined
  close (): void
}

export interface RedisLinkOptions {
  commands: Redis
  subscriber: Redis
  settings: Settings
  log: Log
  metrics: Metrics
  events: EventEmitter<BrokerEvents>
}

export function createRedisLink ({ commands, subscriber, settings, log, metrics, events }: RedisLinkOptions): RedisLink {
  const clock = createRedisClock()
  const handlers = new Map<string, (text: string) => void>()
  let identity: RedisIdentity | undefined
  let subscribed = false
  let closed = false
  let pending = 0
  let lastAnswerAt = performance.now()

  for (const [name, script] of Object.entries(redisScripts)) commands.defineCommand(name, script)
  const scripted = commands as ScriptedRedis

  watch(commands, 'commands', onCommandsReady, () => { identity = undefined })
  watch(subscriber, 'subscriber', onSubscriberReady, () => {
    if (subscribed && !closed) {
      subscribed = false
      events.emit('interrupted')
    }
  })
  subscriber.on('message', onMessage)
  const infoTimer = setInterval(() => { void identify() }, INFO_INTERVAL_MS)
  infoTimer.unref()

  function watch (redis: Redis, link: 'commands' | 'subscriber', onReady: () => Promise<void>, onClose: () => void): void {
    redis.on('ready', () => { void onReady() })
    redis.on('close', () => {
      metrics.redisUp.set({ link }, 0)
      onClose()
    })
    redis.on('reconnecting', () => metrics.redisReconnects.inc({ link }))
    redis.on('error', (error: Error) => log.warn({ link, err: (error as NodeJS.ErrnoException).code ?? error.message }, 'redis connection failed'))
  }

  async function onCommandsReady (): Promise<void> {
    clock.reset()
    await identify()
    if (identity === undefined) return
    metrics.redisUp.set({ link: 'commands' }, 1)
    log.info({ durable: identity.durable }, 'redis commands connected')
    announce()
  }

  /** Both links are up, one of them newly: what passed in between may be missing here, or gone from Redis. */
  function announce (): void {
    if (identity !== undefined && subscribed) events.emit('resumed')
  }

  /** INFO goes first on a new connection, so that no script runs with the run id of another process. */
  async function identify (): Promise<void> {
    if (commands.status !== 'ready') return
    try {
      const info = readInfo(await withTimeout(commands.info(), settings.PROBE_TIMEOUT_MS))
      identity = { runId: info.run_id ?? '', durable: info.aof_enabled === '1' && (info.second_repl_offset ?? '-1') === '-1' }
      if (info.server_time_usec !== undefined) clock.sample(Number(info.server_time_usec) / 1000)
      if (info.maxmemory_policy?.startsWith('allkeys') === true && info.maxmemory !== '0') {
        log.warn({ policy: info.maxmemory_policy }, 'redis may evict history and positions: set maxmemory-policy to noeviction or volatile-ttl')
      }
    } catch (error) {
      log.warn({ err: (error as Error).message }, 'redis did not say who it is')
      if (identity === undefined) commands.disconnect(true)
    }
  }

  async function onSubscriberReady (): Promise<void> {
    const channels = [...handlers.keys()]
    try {
      for (let from = 0; from < channels.length; from += RESUBSCRIBE_CHUNK) {
        await withTimeout(subscriber.subscribe(...channels.slice(from, from + RESUBSCRIBE_CHUNK)), settings.PROBE_TIMEOUT_MS)
      }
    } catch (error) {
      log.warn({ err: (error as Error).message }, 'redis did not confirm the subscriptions: connecting anew')
      subscriber.disconnect(true)
      return
    }
    subscribed = true
    metrics.redisUp.set({ link: 'subscriber' }, 1)
    log.info({ channels: channels.length }, 'redis subscriber connected')
    announce()
  }

  function onMessage (channel: string, text: string): void {
    const handler = handlers.get(channel)
    if (handler !== undefined) return handle(handler, text)
    // A SUBSCRIBE that we gave up on was confirmed after all.
    subscriber.unsubscribe(channel).catch((error: Error) => log.debug({ err: error.message }, 'late unsubscribe failed'))
  }

  /** A fault in what one message leads to must not end the connection that all messages come over. */
  function handle (handler: (text: string) => void, text: string): void {
    try {
      handler(text)
    } catch (error) {
      metrics.dropped.inc({ reason: 'failed' })
      log.error({ err: error }, 'a message could not be handled')
    }
  }

  return {
    clock,

    async run (kind, command, timeoutMs = settings.PUBLISH_TIMEOUT_MS) {
      if (identity === undefined || commands.status !== 'ready') throw new RoomcastError('broker/unavailable')
      if (pending >= settings.REDIS_MAX_PENDING) {
        metrics.limits.inc({ limit: 'redis-pending' })
        throw new RoomcastError('broker/unavailable', 'Too many commands wait for Redis, and this one was not sent: try again in a moment.')
      }
      if (pending === 0) lastAnswerAt = performance.now()
      pending++
      const answer = command(scripted, identity).finally(() => {
        pending--
        lastAnswerAt = performance.now()
      })
      try {
        return await withTimeout(answer, timeoutMs)
      } catch (error) {
        throw brokerError(error, kind)
      }
    },

    async subscribe (channel, onText) {
      if (subscriber.status !== 'ready') throw new RoomcastError('broker/unavailable', 'The link to Redis is down: subscribe again in a moment.')
      handlers.set(channel, onText)
      try {
        await withTimeout(subscriber.subscribe(channel), settings.PROBE_TIMEOUT_MS)
      } catch (error) {
        // Not the handler of a later attempt.
        if (handlers.get(channel) === onText) handlers.delete(channel)
        throw new RoomcastError('broker/unavailable', 'Redis did not confirm the subscription: subscribe again in a moment.', { cause: error })
      }
    },

    async unsubscribe (channel) {
      handlers.delete(channel)
      if (subscriber.status === 'ready') await withTimeout(subscriber.unsubscribe(channel), settings.PROBE_TIMEOUT_MS)
    },

    async barrier () {
      if (!subscribed) throw new RoomcastError('broker/unavailable')
      try {
        await withTimeout(subscriber.ping(), settings.PROBE_TIMEOUT_MS)
      } catch (error) {
        throw brokerError(error, 'read')
      }
    },

    reconnect (reason) {
      const silentMs = performance.now() - lastAnswerAt
      log.warn({ reason, pending, silentMs: Math.round(silentMs) }, 'replacing the links to redis')
      metrics.redisReplaced.inc()
      if (isConnected(subscriber)) subscriber.disconnect(true)
      const isSilent = identity === undefined || (pending > 0 && silentMs > settings.PUBLISH_TIMEOUT_MS)
      if (isSilent && isConnected(commands)) commands.disconnect(true)
    },

    fault () {
      if (identity === undefined || commands.status !== 'ready') return 'not connected to Redis'
      if (!subscribed) return 'subscriptions at Redis are not confirmed'
      return undefined
    },

    close () {
      closed = true
      clearInterval(infoTimer)
      subscriber.disconnect()
      commands.disconnect()
    }
  }
}

function isConnected (redis: Redis): boolean {
  return redis.status === 'connect' || redis.status === 'ready'
}

function readInfo (text: string): Record<string, string | undefined> {
  return Object.fromEntries(text.split('\r\n').map(line => {
    const colon = line.indexOf(':')
    return [line.slice(0, colon), line.slice(colon + 1)]
  }))
}

class TimeoutError extends Error {}

/** The promise, or a TimeoutError; what the promise does later is no one's concern. */
function withTimeout<T> (promise: Promise<T>, ms: number): Promise<T> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new TimeoutError('Redis did not answer in time')), ms)
    promise.then(resolve, reject).finally(() => clearTimeout(timer))
  })
}

/** Error replies that Redis gives before a script has written anything. */
const REFUSED = /^(OOM|READONLY|LOADING|MASTERDOWN|NOREPLICAS|BUSY|NOAUTH|WRONGPASS|UNKILLABLE)\b/

function brokerError (error: unknown, kind: 'read' | 'write'): RoomcastError {
  if (error instanceof RoomcastError) return error
  const text = error instanceof Error ? error.message : ''
  const wasNotRun = kind === 'read' || REFUSED.test(text) || text.startsWith("Stream isn't writeable")
  return new RoomcastError(wasNotRun ? 'broker/unavailable' : 'broker/timeout', undefined, { cause: error })
}
