// The short tail of recent updates that a feed keeps, up to a number of bytes.
import type { Entry } from './packet.ts'

export interface Tail {
  /** The next update of the room; offsets in a tail have no holes. */
  push (entry: Entry): void
  /** The entry with this offset, if it is still there. */
  get (offset: number): Entry | undefined
  clear (): void
}

export function createTail (maxBytes: number): Tail {
  let entries: Entry[] = []
  let first = 0
  let bytes = 0

  return {
    push (entry) {
      entries.push(entry)
      bytes += entry.packet.bytes
      while (bytes > maxBytes && first < entries.length) {
        bytes -= (entries[first] as Entry).packet.bytes
        first++
      }
      // Forgotten entries are cut off half an array at a time: cheap on average.
      if (first > 32 && first * 2 > entries.length) {
        entries = entries.slice(first)
        first = 0
      }
    },
    get (offset) {
      const oldest = entries[first]
      return oldest === undefined || offset < oldest.update.offset
        ? undefined
        : entries[first + offset - oldest.update.offset]
    },
    clear () {
      entries = []
      first = bytes = 0
    }
  }
}
