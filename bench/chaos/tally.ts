// What one follower saw of the numbered items of all writers, and what was wrong with it. Each writer's items are 1, 2, 3 …

export interface Item {
  writer: number
  n: number
}

export interface Counts {
  /** Answered 2xx, never seen, and nobody said so. */
  lost: number
  /** Not seen, but the client was told that it would have to load the state anew. */
  told: number
  repeated: number
  outOfOrder: number
}

export interface Tally {
  onItem (item: Item): void
  /** The service says that something may be missing from here on. */
  onTold (): void
  /** Against the service's own promise, e.g. a hole in the offsets. */
  onBroken (what: string): void
  readonly broken: string[]
  hasReached (acknowledged: number[]): boolean
  /** Counts since the last call, once the writers rest. */
  take (acknowledged: number[]): Counts
}

export function createTally (writers: number): Tally {
  const last = Array.from({ length: writers }, () => 0)
  const isExcused = last.map(() => false)
  const missing = last.map(() => new Set<number>())
  const broken: string[] = []
  let told = 0
  let repeated = 0
  let outOfOrder = 0

  function skipTo (writer: number, n: number): void {
    for (let i = (last[writer] ?? 0) + 1; i < n; i++) {
      if (isExcused[writer]) told++
      else missing[writer]?.add(i)
    }
    last[writer] = Math.max(last[writer] ?? 0, n - 1)
    isExcused[writer] = false
  }

  return {
    broken,
    onItem ({ writer, n }) {
      if (n > (last[writer] ?? 0)) {
        skipTo(writer, n)
        last[writer] = n
      } else if (missing[writer]?.delete(n)) {
        outOfOrder++
      } else if (!isExcused[writer]) {
        repeated++
      }
    },
    onTold () { isExcused.fill(true) },
    onBroken (what) { broken.push(what) },
    hasReached: acknowledged => acknowledged.every((n, writer) => (last[writer] ?? 0) >= n),
    take (acknowledged) {
      for (const [writer, n] of acknowledged.entries()) skipTo(writer, n + 1)
      const lost = missing.reduce((sum, { size }) => sum + size, 0)
      for (const set of missing) set.clear()
      const counts = { lost, told, repeated, outOfOrder }
      told = repeated = outOfOrder = 0
      return counts
    }
  }
}
