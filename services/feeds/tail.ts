// The short tail of recent updates that a feed keeps, up to a number of bytes, and to what the budget of all feeds allows.
import type { Budget } from './budget.ts'
import type { Entry } from './packet.ts'

export interface Tail {
  /** The next update of the room; offsets in a tail have no holes. */
  push (entry: Entry): void
  /** The entry with this offset, if it is still there. */
  get (offset: number): Entry | undefined
  clear (): void
}

export function createTail (maxBytes: number, budget: Budget): Tail {
  /** Forgotten ones are undefined, up to `first`. */
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
      bytes += entry.packet.bytes
      while (bytes > maxBytes && first < entries.length) {
        bytes -= (entries[first] as Entry).packet.bytes
        entries[first++] = undefined
      }
      // Their places are cut off half an array at a time: cheap on average.
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
