// Looks at a cluster for which master serves which slots: whenever a node or a connection says that something changed, and
// now and then.
import { performance } from 'node:perf_hooks'
import type { Log } from '../observe/log.ts'
import type { Settings } from '../settings.ts'
import { describeRedisError } from './redis-errors.ts'
import { createRedisOutage } from './redis-outage.ts'
import type { RedisShard } from './redis-shard.ts'
import { createRedisTopology, type Master } from './redis-topology.ts'

/** While nothing says that something changed. */
const INTERVAL_MS = 5000
/** While a shard is not up, or a slot not served. */
const HURRY_MS = 200

export interface RedisLooks {
  /** Looks, from now on; resolves when what was found is in use. @param teller is asked first */
  now (teller?: RedisShard): Promise<void>
  /** Something may have changed. */
  soon (): void
  /** Why nothing is known of the cluster; undefined when it is. */
  fault (): string | undefined
  start (): void
  close (): void
}

export function createRedisLooks ({ settings, log, shards, isWhole, onMasters }: {
  settings: Settings
  log: Log
  shards: () => RedisShard[]
  isWhole: () => boolean
  /** @param sinceMs when the look before began, by performance.now() */
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
  /** Something changed while a look was under way. */
  let isStale = false
  let isClosed = false

  function now (teller?: RedisShard): Promise<void> {
    if (running === undefined) {
      running = look(teller).finally(() => {
        running = undefined
        schedule(isWhole() && !isStale ? INTERVAL_MS : HURRY_MS)
        isStale = false
      })
      return running
    }
    // The one under way may have asked too early.
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

  /** Not always the same first: one that is cut off from the others tells what was. */
  function inTurn (teller: RedisShard | undefined): RedisShard[] {
    const standing = shards().filter(({ link }) => link.stands.commands())
    const first = turns++ % Math.max(1, standing.length)
    const others = [...standing.slice(first), ...standing.slice(0, first)].filter(shard => shard !== teller)
    return teller?.link.stands.commands() === true ? [teller, ...others] : others
  }

  function schedule (afterMs: number): void {
    if (isClosed) return
    clearTimeout(timer)
    dueAt = performance.now() + afterMs
    timer = setTimeout(() => { void now() }, afterMs).unref()
  }

  return {
    now,
    soon () {
      if (running !== undefined) isStale = true
      else if (dueAt > performance.now() + HURRY_MS) schedule(HURRY_MS)
    },
    fault: () => beganAt === -Infinity ? 'not connected to Redis' : undefined,
    start: () => { void now() },
    close () {
      isClosed = true
      clearTimeout(timer)
      outage.close()
    }
  }
}
