// What the log says while Redis cannot be used: one line when that begins, one when it ends, a summary in between.
import { performance } from 'node:perf_hooks'
import type { Log } from '../observe/log.ts'

const SUMMARY_INTERVAL_MS = 30_000

export interface RedisOutage {
  /** Redis cannot be used, or an attempt to use it again failed; `reason` without addresses and arguments. */
  failed (reason: string): void
  /** A connection ended: why, another call may tell. */
  lost (): void
  /** It answers, and does not do what is asked. */
  refused (reason: string): void
  /** It can be used. */
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
    log.warn({ redis: place, err: reason }, 'redis cannot be used')
    timer = setInterval(() => log.warn({ ...summary(), err: lastReason }, 'redis still cannot be used'), summaryMs)
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
      log.warn({ redis: place, err: reason }, 'redis refuses what is published')
    },

    over () {
      if (since === undefined) return
      clearInterval(timer)
      log.warn(summary(), 'redis can be used again')
      since = undefined
      failures = 0
    },

    close () {
      clearInterval(timer)
    }
  }
}
