// Checks the numbered items that one follower received. The items of each writer are 1, 2, 3 …

export interface Item {
  writer: number
  n: number
}

export interface Counts {
  /** Answered 2xx, but never received and not reported as missing. */
  lost: number
  /** Not received, but the client was told to load the state again. */
  told: number
  repeated: number
  outOfOrder: number
}

export interface Tally {
  onItem (item: Item): void
  /** The service reports that items may be missing from here on. */
  onTold (): void
  /** A violation of the service's own promise, for example a hole in the offsets. */
  onBroken (what: string): void
  readonly broken: string[]
  hasReached (acknowledged: number[]): boolean
  /** Counts since the last call. Call it while the writers are idle. */
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
