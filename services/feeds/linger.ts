// Ends things a fixed time after their last use. They end in the order of that use, so one timer serves all.
import { performance } from 'node:perf_hooks'

export interface Linger<T> {
  /** Ends the thing after the fixed time from now. */
  put (thing: T): void
  /** Removes the thing without ending it. */
  delete (thing: T): void
  /** The thing that ends next. */
  next (): T | undefined
  /** Removes everything. */
  clear (): void
}

/** @param onEnd called once for each thing whose time has passed, after its removal */
export function createLinger<T> (ms: number, onEnd: (thing: T) => void): Linger<T> {
  const endsAt = new Map<T, number>()
  let timer: NodeJS.Timeout | undefined

  function arm (): void {
    const [first] = endsAt.values()
    if (timer !== undefined || first === undefined) return
    timer = setTimeout(endDue, Math.max(0, Math.ceil(first - performance.now()))).unref()
  }

  function endDue (): void {
    timer = undefined
    const now = performance.now()
    for (const [thing, time] of endsAt) {
      if (time > now) break
      endsAt.delete(thing)
      onEnd(thing)
    }
    arm()
  }

  return {
    put (thing) {
      endsAt.delete(thing)
      endsAt.set(thing, performance.now() + ms)
      arm()
    },

    delete (thing) {
      endsAt.delete(thing)
    },

    next: () => endsAt.keys().next().value,

    clear () {
      endsAt.clear()
      clearTimeout(timer)
      timer = undefined
    }
  }
}
