// The connection for commands: bounded, timed, and used only after Redis has identified itself.
import { performance } from 'node:perf_hooks'
import type { Redis } from 'ioredis'
import { RoomcastError } from '../wire/errors.ts'
import type { Log } from '../observe/log.ts'
import type { Settings } from '../settings.ts'
import { createRedisCalls, type RedisCalls } from './redis-calls.ts'
import { createRedisClock, type RedisClock } from './redis-clock.ts'
import { describeRedisError, readRedirect, readRedisFault, toBrokerError, type RedisFault } from './redis-errors.ts'
import { identityOf, readState, type RedisIdentity, type RedisState } from './redis-identity.ts'
import type { RedisPending } from './redis-pending.ts'
import { clusterScripts, redisScripts } from './redis-scripts.ts'
import { TimeoutError, withTimeout } from './redis-timeout.ts'
import { createRedisTurn, type RedisTurn } from './redis-turn.ts'

/** How often the identity and the eviction policy of Redis are checked again. */
const INFO_INTERVAL_MS = 30_000

export type ScriptedRedis = Redis & RedisCalls

/** A process of Redis, as a master without a break. */
export interface RedisProcess {
  runId: string
  replicationId: string
  /** By performance.now(): it has been this one at least since then. */
  since: number
}

/**
 * Runs a command.
 * @param kind the state when no answer comes: a `read` changed nothing, a `write` may have run
 * @param timeoutMs default: PUBLISH_TIMEOUT_MS
 * @param bytes size of the arguments, if they are more than names and numbers
 * @throws RoomcastError `broker/unavailable` (not run), `broker/timeout` (a write that may have run)
 */
export type Run = <T> (
  kind: 'read' | 'write', command: (redis: ScriptedRedis, identity: RedisIdentity) => Promise<T>, timeoutMs?: number, bytes?: number
) => Promise<T>

export interface RedisCommands {
  readonly clock: RedisClock
  readonly turn: RedisTurn
  isConnected (): boolean
  readonly run: Run
  /** Asks the process at the other end who it is. @returns undefined if no master answers in time */
  process (timeoutMs: number): Promise<RedisProcess | undefined>
  /** Stops using this connection, because it will be replaced. */
  forget (): void
  /** The failure of the last write; undefined if it succeeded. */
  refusal (): Refusal | undefined
  close (): void
}

export interface Refusal extends RedisFault {
  /** A short text for the log. */
  reason: string
}

export interface RedisCommandsOptions {
  redis: Redis
  /** The id of its node, in a cluster. */
  node: string | undefined
  pending: RedisPending
  settings: Settings
  log: Log
  /** Redis has identified itself on a new connection. */
  onConnected: () => void
  /** A write succeeded. */
  onWritten: () => void
  /** A command failed. */
  onFailed: () => void
  /** Another process answers than before, or this one was a replica meanwhile. */
  onOther: () => void
  /** This Redis is not, or no longer, the right one. */
  onUnfit: (reason: string) => void
}

export function createRedisCommands (options: RedisCommandsOptions): RedisCommands {
  const { redis, node, pending, settings, log, onConnected, onWritten, onFailed, onOther, onUnfit } = options
  const clock = createRedisClock()
  let identity: RedisIdentity | undefined
  let process: RedisProcess | undefined
  /** Counts connections, so that late answers of an old connection do not affect a new one. */
  let connection = 0
  let failingSince: number | undefined
  let evictsBefore: string | undefined
  let lastRefusal: Refusal | undefined

  const turn = createRedisTurn(redis)
  const scripted: ScriptedRedis = Object.assign(redis, createRedisCalls(redis, node === undefined ? redisScripts : clusterScripts))

  redis.on('ready', () => { void onReady() })
  redis.on('close', forget)
  const infoTimer = setInterval(() => { if (identity !== undefined) void identify() }, INFO_INTERVAL_MS)
  infoTimer.unref()

  function forget (): void {
    identity = undefined
    connection++
    failingSince = undefined
    lastRefusal = undefined
  }

  async function onReady (): Promise<void> {
    clock.reset()
    await identify()
    if (identity === undefined) return
    log.debug({ whole: identity.whole }, 'redis commands connected')
    onConnected()
  }

  /** INFO is the first command on a new connection, so that no script runs with another process's run id. */
  async function identify (isNeeded = identity === undefined): Promise<void> {
    const asked = connection
    try {
      const state = await askState(settings.PROBE_TIMEOUT_MS)
      if (asked !== connection) return
      const { unfit, now, evicts } = state
      if (unfit !== undefined) return onUnfit(unfit)
      const told = identityOf(state, node)
      // The same one stays the same object: publishes of one turn go together by it.
      if (identity?.runId !== told.runId || identity.whole !== told.whole) identity = told
      if (now !== undefined) clock.sample(now)
      if (evicts !== undefined && evicts !== evictsBefore) log.warn({ policy: evicts }, 'redis may evict history and positions: set maxmemory-policy to noeviction or volatile-ttl')
      evictsBefore = evicts
    } catch (error) {
      if (asked === connection && isNeeded) onUnfit(describeRedisError(error))
    }
  }

  async function askState (timeoutMs: number): Promise<RedisState> {
    const state = readState(await withTimeout(redis.info(), timeoutMs))
    const { runId, replicationId, unfit } = state
    if (unfit === undefined && process?.runId === runId && process.replicationId === replicationId) return state
    if (process !== undefined) onOther()
    process = unfit === undefined ? { runId, replicationId, since: performance.now() } : undefined
    return state
  }

  function onSuccess (kind: 'read' | 'write'): void {
    failingSince = undefined
    if (kind === 'read') return
    lastRefusal = undefined
    onWritten()
  }

  function onFailure (error: unknown, kind: 'read' | 'write'): void {
    const now = performance.now()
    const fault = readRedisFault(error)
    const reason = describeRedisError(error)
    failingSince ??= now
    onFailed()
    if (kind === 'write') lastRefusal = { ...fault, reason }
    if (fault.server === 'wrong') return onUnfit(reason)
    if (now - failingSince < settings.PROBE_TIMEOUT_MS) return
    if (fault.server !== 'right') return onUnfit(reason)
    // A full Redis still answers INFO. One that refuses even INFO is replaced.
    failingSince = undefined
    void identify(true)
  }

  return {
    clock,
    turn,
    isConnected: () => identity !== undefined && redis.status === 'ready',

    run: (kind, command, timeoutMs = settings.PUBLISH_TIMEOUT_MS, bytes = 0) => new Promise((resolve, reject) => {
      if (identity === undefined || redis.status !== 'ready') throw new RoomcastError('broker/unavailable')
      pending.take(bytes)
      const asked = connection
      const fail = (error: unknown): void => {
        // A node of a cluster that sends us elsewhere does what it should.
        if (asked === connection && (node === undefined || readRedirect(error) === undefined)) onFailure(error, kind)
        reject(toBrokerError(error, kind))
      }
      const timer = setTimeout(() => fail(new TimeoutError('Redis did not answer in time')), timeoutMs)
      // The arguments stay in memory until Redis answers or the connection ends, even after the caller has timed out.
      command(scripted, identity).then(answer => {
        clearTimeout(timer)
        pending.release(bytes)
        if (asked === connection) onSuccess(kind)
        resolve(answer)
      }, (error: unknown) => {
        clearTimeout(timer)
        pending.release(bytes)
        fail(error)
      })
    }),

    async process (timeoutMs) {
      const asked = connection
      try {
        await askState(timeoutMs)
        return asked === connection ? process : undefined
      } catch (error) {
        log.debug({ err: describeRedisError(error) }, 'redis did not say who it is')
      }
    },

    forget,
    refusal: () => lastRefusal,
    close () {
      clearInterval(infoTimer)
      redis.disconnect()
    }
  }
}
