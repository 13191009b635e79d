// Logs what state Redis is in: one line when it changes, and one a minute while Redis cannot be used. A link that comes and
// goes is told as often as that, and the last line is always true after a minute.
import { performance } from 'node:perf_hooks'
import type { Log } from '../observe/log.ts'

/** A little more than the interval in which the log takes the same line once. */
const INTERVAL_MS = 60_500

export interface RedisOutage {
  /** Redis cannot be used, or an attempt to use it failed. @param reason without addresses and arguments */
  failed (reason: string): void
  /** A connection ended. Another call may give the reason. */
  lost (): void
  /** Redis answers, but refuses writes. */
  refused (reason: string): void
  /** Redis can be used again. */
  over (): void
  close (): void
}

type State = 'up' | 'away' | 'refusing'

/** @param place where Redis is, without credentials */
export function createRedisOutage (place: string, log: Log, intervalMs = INTERVAL_MS): RedisOutage {
  let state: State = 'up'
  /** What the log says. */
  let told: State = 'up'
  const toldAt = { up: -Infinity, away: -Infinity, refusing: -Infinity }
  /** When what the log tells of began and ended. */
  let since = 0
  let endedAt = 0
  let failures = 0
  let lastReason = ''
  let timer: NodeJS.Timeout | undefined

  const summary = (): object => ({ redis: place, awayMs: Math.round((state === 'up' ? endedAt : performance.now()) - since), failures })

  function change (next: State): void {
    if (state === 'up' && told === 'up') since = performance.now()
    if (next === 'up') endedAt = performance.now()
    state = next
    tell()
  }

  function tell (): void {
    clearTimeout(timer)
    const now = performance.now()
    const isNews = state !== told
    if (!isNews && state === 'up') return
    const waitMs = toldAt[state] + intervalMs - now
    if (waitMs > 0) {
      timer = setTimeout(tell, waitMs).unref()
      return
    }
    toldAt[state] = now
    told = state
    if (state === 'up') {
      log.warn(summary(), 'redis is available again')
      failures = 0
      return
    }
    if (state === 'refusing') log.error({ redis: place, err: lastReason }, 'redis refuses publishes: OOM needs more memory, MISCONF a disk that can be written')
    else if (isNews) log.warn({ redis: place, err: lastReason }, 'redis is unavailable: publishers get 503, clients stay connected; it is tried again and again')
    else log.error({ ...summary(), err: lastReason }, 'redis is still unavailable: restore it, and change nothing else')
    timer = setTimeout(tell, intervalMs).unref()
  }

  function failed (reason: string): void {
    failures++
    lastReason = reason
    if (state !== 'away') change('away')
  }

  return {
    failed,

    lost () {
      if (state !== 'away') failed('connection closed')
    },

    refused (reason) {
      failures++
      lastReason = reason
      if (state !== 'refusing') change('refusing')
    },

    over () {
      if (state !== 'up') change('up')
    },

    close () {
      clearTimeout(timer)
    }
  }
}
