// Logs an outage of Redis: one line when it begins, one when it ends, and summaries in between.
import { performance } from 'node:perf_hooks'
import type { Log } from '../observe/log.ts'

const SUMMARY_INTERVAL_MS = 30_000

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

/** @param place where Redis is, without credentials */
export function createRedisOutage (place: string, log: Log, summaryMs = SUMMARY_INTERVAL_MS): RedisOutage {
  let since: number | undefined
  let failures = 0
  let lastReason = ''
  let timer: NodeJS.Timeout | undefined
  let refusalToldAt = -Infinity

  const summary = (): object => ({ redis: place, awayMs: Math.round(performance.now() - (since ?? performance.now())), failures })

  function failed (reason: string): void {
    failures++
    lastReason = reason
    if (since !== undefined) return
    since = performance.now()
    log.warn({ redis: place, err: reason }, 'redis is unavailable')
    timer = setInterval(() => log.warn({ ...summary(), err: lastReason }, 'redis is still unavailable'), summaryMs)
    timer.unref()
  }

  return {
    failed,

    lost () {
      if (since === undefined) failed('connection closed')
    },

    refused (reason) {
      if (performance.now() - refusalToldAt < summaryMs) return
      refusalToldAt = performance.now()
      log.warn({ redis: place, err: reason }, 'redis refuses publishes')
    },

    over () {
      if (since === undefined) return
      clearInterval(timer)
      log.warn(summary(), 'redis is available again')
      since = undefined
      failures = 0
    },

    close () {
      clearInterval(timer)
    }
  }
}
