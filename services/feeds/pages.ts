// Pages of history that a feed has read for replays, so that members at similar positions share reads. They stay while
// a replay runs and for a moment after, because clients return over some seconds, as far as the budget allows.
import type { FeedMemory } from './memory.ts'
import type { Entry } from './batch.ts'

const MOST = 4

export interface Pages {
  add (entries: Entry[]): void
  get (offset: number): Entry | undefined
  /** Records a use of the pages. */
  use (): void
  clear (): void
}

/** @param isWanted whether a replay is running; then the pages stay */
export function createPages ({ budget, pagesLinger }: FeedMemory, isWanted: () => boolean): Pages {
  let pages: Array<{ entries: Entry[], bytes: number }> = []
  const holder = { evict: forget }

  function forget (): void {
    pages = []
    pagesLinger.delete(onLingered)
  }

  function onLingered (): void {
    if (isWanted()) pagesLinger.put(onLingered)
    else clear()
  }

  function use (): void {
    if (pages.length === 0) return
    pagesLinger.put(onLingered)
    budget.use(holder, pages.reduce((sum, { bytes }) => sum + bytes, 0))
  }

  function clear (): void {
    if (pages.length === 0) return
    forget()
    budget.use(holder, 0)
  }

  return {
    add (entries) {
      const bytes = entries.reduce((sum, entry) => sum + entry.bytes, 0)
      pages = [{ entries, bytes }, ...pages].slice(0, MOST)
      use()
    },
    get (offset) {
      for (const { entries: [first], entries } of pages) {
        const entry = first === undefined ? undefined : entries[offset - first.update.offset]
        if (entry?.update.offset === offset) return entry
      }
    },
    use,
    clear
  }
}
