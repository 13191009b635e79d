// A lock with one or more places, granted in the order of the requests.

export interface Lock {
  /** Waits for a place. @returns a function that frees it */
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
