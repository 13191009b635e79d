// Asks again and again until a condition holds: for state that announces its change by no event.
import { setTimeout as pause } from 'node:timers/promises'
import { createClock } from './clock.ts'
import { within } from './within.ts'

type Truthy<T> = Exclude<T, false | 0 | '' | null | undefined | void>

/** Resolves with the first truthy value of `fn`; an exception counts as not yet, and is the cause of the final failure. */
export async function eventually<T> (fn: () => T | Promise<T>, timeoutMs = 5000): Promise<Truthy<T>> {
  const clock = createClock()
  let last: unknown
  try {
    while (clock.now() < timeoutMs) {
      try {
        last = await within(timeoutMs - clock.now(), String(fn), Promise.resolve(fn()))
        if (last) return last as Truthy<T>
      } catch (error) {
        last = error
      }
      await pause(20)
    }
  } finally {
    clock.stop()
  }
  throw new Error(`not within ${timeoutMs} ms: ${String(fn)}`, { cause: last })
}
