// The first keys after a given one, of however many are offered in whatever order; it holds no more than are wanted.

export interface First {
  offer (key: string): void
  /** In order. */
  keys (): string[]
  /** Further keys came after these. */
  isMore (): boolean
}

export function createFirst (after: string | undefined, limit: number): First {
  const kept: string[] = []
  let isMore = false

  /** Where a key belongs among those that are kept. */
  function placeOf (key: string): number {
    let [low, high] = [0, kept.length]
    while (low < high) {
      const middle = (low + high) >> 1
      if ((kept[middle] as string) < key) low = middle + 1
      else high = middle
    }
    return low
  }

  return {
    offer (key) {
      if (after !== undefined && key <= after) return
      if (kept.length === limit) {
        isMore = true
        if (key > (kept[limit - 1] as string)) return
        kept.pop()
      }
      kept.splice(placeOf(key), 0, key)
    },
    keys: () => kept,
    isMore: () => isMore
  }
}
