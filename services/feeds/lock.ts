// A lock: one holder at a time, in the order in which they asked.

export interface Lock {
  /** Resolves when it is the caller's turn, with what ends the turn. */
  acquire (): Promise<() => void>
}

export function createLock (): Lock {
  let last = Promise.resolve()

  return {
    async acquire () {
      const before = last
      let release = (): void => {}
      last = new Promise(resolve => { release = resolve })
      await before
      return release
    }
  }
}
