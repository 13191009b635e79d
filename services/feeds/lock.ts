// A lock with one place or more: holders at a time, in the order in which they asked.

export interface Lock {
  /** Resolves when there is a place, with what frees it. */
  acquire (): Promise<() => void>
}

export function createLock (places = 1): Lock {
  const waiting: Array<() => void> = []
  let free = places

  function release (): void {
    const next = waiting.shift()
    if (next === undefined) free++
    else next()
  }

  return {
    async acquire () {
      if (free > 0) free--
      else await new Promise<void>(resolve => waiting.push(resolve))
      return release
    }
  }
}
