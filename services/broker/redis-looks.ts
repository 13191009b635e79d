// Asks a cluster which master serves which slots: when a node or a connection reports a change, and at intervals.
import { performance } from 'node:perf_hooks'
import type { Log } from '../observe/log.ts'
import type { Settings } from '../settings.ts'
import { describeRedisError } from './redis-errors.ts'
import { createRedisOutage } from './redis-outage.ts'
import type { RedisShard } from './redis-shard.ts'
import { createRedisTopology, type Master } from './redis-topology.ts'

/** The interval if no change is reported. */
const INTERVAL_MS = 5000
/** The interval while a shard is down or a slot is not served. */
const HURRY_MS = 200

export interface RedisLooks {
  /** Asks the cluster; resolves when the answer is in use. @param teller the node to ask first */
  now (teller?: RedisShard): Promise<void>
  /** Reports that something may have changed. */
  soon (): void
  /** The reason why the cluster is unknown; undefined if it is known. */
  fault (): string | undefined
  start (): void
  close (): void
}

export function createRedisLooks ({ settings, log, shards, isWhole, onMasters }: {
  settings: Settings
  log: Log
  shards: () => RedisShard[]
  isWhole: () => boolean
  /** @param sinceMs when the previous look began, by performance.now() */
  onMasters: (masters: Master[], sinceMs: number) => Promise<void>
}): RedisLooks {
  const topology = createRedisTopology(settings)
  const outage = createRedisOutage(settings.REDIS_CLUSTER, log)
  let beganAt = -Infinity
  let turns = 0
  let running: Promise<void> | undefined
  let next: Promise<void> | undefined
  let timer: NodeJS.Timeout | undefined
  let dueAt = Infinity
  let isClosed = false

  function now (teller?: RedisShard): Promise<void> {
    if (running === undefined) {
      clearTimeout(timer)
      dueAt = Infinity
      running = look(teller).finally(() => {
        running = undefined
        plan(isWhole() ? INTERVAL_MS : HURRY_MS)
      })
      return running
    }
    // The current look may have asked too early.
    next ??= running.then(() => {
      next = undefined
      return now(teller)
    })
    return next
  }

  async function look (teller: RedisShard | undefined): Promise<void> {
    const before = beganAt
    const begins = performance.now()
    try {
      const masters = await topology.masters(inTurn(teller).map(({ link }) => link.commands))
      if (isClosed) return
      await onMasters(masters, before)
      beganAt = begins
      outage.over()
    } catch (error) {
      outage.failed(describeRedisError(error))
    }
  }

  /** The first node changes, because a node that is cut off from the others reports an old state. */
  function inTurn (teller: RedisShard | undefined): RedisShard[] {
    const standing = shards().filter(({ link }) => link.stands.commands())
    const first = turns++ % Math.max(1, standing.length)
    const others = [...standing.slice(first), ...standing.slice(0, first)].filter(shard => shard !== teller)
    return teller?.link.stands.commands() === true ? [teller, ...others] : others
  }

  /** Asks in this time, or earlier if that is already planned, also for a change during the current look. */
  function plan (ms: number): void {
    if (isClosed || dueAt <= performance.now() + ms) return
    clearTimeout(timer)
    dueAt = performance.now() + ms
    timer = setTimeout(() => { void now() }, ms).unref()
  }

  return {
    now,
    soon: () => plan(HURRY_MS),
    fault: () => beganAt === -Infinity ? 'not connected to Redis' : undefined,
    start: () => { void now() },
    close () {
      isClosed = true
      clearTimeout(timer)
      outage.close()
    }
  }
}
