// The newest updates of a feed, limited by bytes and by the budget of all feeds.
import type { Budget } from './budget.ts'
import type { Entry } from './batch.ts'

interface Tail {
  /** Adds the next update. Offsets in a tail have no holes. */
  push (entry: Entry): void
  /** The entry with this offset, if it is still there. */
  get (offset: number): Entry | undefined
  clear (): void
}

export function createTail (maxBytes: number, budget: Budget): Tail {
  /** Dropped entries are undefined, up to `first`. */
  let entries: Array<Entry | undefined> = []
  let first = 0
  let bytes = 0
  const holder = { evict: forget }

  function forget (): void {
    entries = []
    first = bytes = 0
  }

  return {
    push (entry) {
      entries.push(entry)
      bytes += entry.bytes
      while (bytes > maxBytes && first < entries.length) {
        bytes -= (entries[first] as Entry).bytes
        entries[first++] = undefined
      }
      // The places of dropped entries are removed half an array at a time, which is cheap on average.
      if (first > 32 && first * 2 > entries.length) {
        entries = entries.slice(first)
        first = 0
      }
      budget.use(holder, bytes)
    },
    get (offset) {
      const oldest = entries[first]
      return oldest === undefined || offset < oldest.update.offset
        ? undefined
        : entries[first + offset - oldest.update.offset]
    },
    clear () {
      forget()
      budget.use(holder, 0)
    }
  }
}
