// The one place that keeps a log readable: the same line comes at most once a minute.
import type { Log } from './log.ts'

const INTERVAL_MS = 60_000

/** `more`: how often it was wanted beyond this time. */
type WriteLine = (more: { repeated?: number }) => void

export interface LineLimit {
  /** Writes a line at once, or, if it came less than the interval ago, at the end of that, for the last of those that came. */
  write (key: string, line: WriteLine): void
}

interface Held {
  last: WriteLine
  count: number
}

/** @param key of a line must come from a small set: each is kept for the interval */
export function createLineLimit (intervalMs = INTERVAL_MS): LineLimit {
  const held = new Map<string, Held>()

  function rest (key: string): void {
    held.set(key, { last: () => {}, count: 0 })
    setTimeout(() => {
      const { last, count } = held.get(key) as Held
      if (count === 0) return held.delete(key)
      rest(key)
      last(count === 1 ? {} : { repeated: count - 1 })
    }, intervalMs).unref()
  }

  return {
    write (key, line) {
      const waiting = held.get(key)
      if (waiting !== undefined) {
        waiting.last = line
        waiting.count++
        return
      }
      rest(key)
      line({})
    }
  }
}

/** Limits lines of the same level and text, for each Redis that they are about. Lines for debugging are not limited. */
export function limitLog (log: Log, intervalMs?: number): Log {
  const limit = createLineLimit(intervalMs)
  const limited = (level: 'info' | 'warn' | 'error') => (fields: object, text: string) => {
    const about = 'redis' in fields ? String(fields.redis) : ''
    limit.write(`${level} ${text} ${about}`, more => log[level]({ ...fields, ...more }, text))
  }
  return {
    debug: (fields, text) => log.debug(fields, text),
    info: limited('info'),
    warn: limited('warn'),
    error: limited('error')
  }
}
