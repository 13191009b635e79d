// Replay: brings members that are behind up to the feed's position, each at the pace at which it drains.
import type { Broker, HistoryRead } from '../broker/broker.ts'
import { RoomcastError } from '../wire/errors.ts'
import type { Log } from '../observe/log.ts'
import type { Member } from './member.ts'
import type { Metrics } from '../observe/metrics.ts'
import { createEntry, type Entry } from './packet.ts'
import { createBatch } from './relay.ts'
import type { RoomKey } from '../wire/rooms.ts'
import type { Settings } from '../settings.ts'

/** Pages of history kept while someone replays, so that members at like positions share reads. */
const PAGES_KEPT = 4
/** How long they are kept after they were last of use: a crowd comes back over some seconds, not in one turn. */
const PAGES_LINGER_MS = 1000

/** What replay needs of its feed. */
export interface ReplayFeed {
  readonly room: RoomKey
  epoch (): string
  position (): number
  recent (offset: number): Entry | undefined
  /** The member has everything up to the feed's position. */
  caughtUp (member: Member): void
  /** History no longer reaches the member. */
  lost (member: Member): void
  /** A read found the room in another epoch, or behind the feed: compares the two. */
  diverged (): Promise<void>
}

export interface Replay {
  readonly size: number
  /** From `member.position` on; the first slice goes out before this returns. */
  add (member: Member): void
  remove (member: Member): void
  /**
   * Position and history of the room, from a read that begins after this call. All who ask meanwhile share the next one.
   * @param since only a hint from where history will be wanted; undefined when only the position is
   */
  read (since: number | undefined): Promise<HistoryRead>
  /** Whether the update at an offset is at hand from the tail or an earlier read. */
  reaches (offset: number): boolean
  /** Those whose read failed try again. */
  retry (): void
  members (): Iterable<Member>
  clear (): void
}

export function createReplay ({ feed, broker, settings, metrics, log }: {
  feed: ReplayFeed, broker: Broker, settings: Settings, metrics: Metrics, log: Log
}): Replay {
  const limits = { maxUpdates: settings.HISTORY_SIZE, maxBytes: settings.HISTORY_READ_BYTES }
  const members = new Set<Member>()
  let pages: Entry[][] = []
  let waiting: Array<{ since: number | undefined, resolve: (read: HistoryRead) => void, reject: (error: unknown) => void }> = []
  let isReading = false
  let retries: Array<() => void> = []
  let forgetting: NodeJS.Timeout | undefined

  function entryAt (offset: number): Entry | undefined {
    const recent = feed.recent(offset)
    if (recent !== undefined) return recent
    for (const page of pages) {
      const first = page[0]
      const entry = first === undefined ? undefined : page[offset - first.update.offset]
      if (entry?.update.offset === offset) return entry
    }
  }

  function linger (): void {
    forgetting ??= setTimeout(forget, PAGES_LINGER_MS).unref()
    forgetting.refresh()
  }

  function forget (): void {
    forgetting = undefined
    if (members.size > 0 || isReading) linger()
    else pages = []
  }

  /** Hands over what is at hand and fits; the last of it and the arrival are one synchronous step. */
  function advance (member: Member): 'caughtUp' | 'full' | 'unread' {
    while (member.position < feed.position()) {
      if (member.isFull()) return 'full'
      const entry = entryAt(member.position + 1)
      if (entry === undefined) return 'unread'
      member.deliver(createBatch([entry]))
      member.position++
      metrics.delivered.inc()
      metrics.recovered.inc()
    }
    feed.caughtUp(member)
    members.delete(member)
    return 'caughtUp'
  }

  async function run (member: Member): Promise<void> {
    while (members.has(member)) {
      const state = advance(member)
      if (state === 'caughtUp') return
      if (state === 'full') {
        await new Promise<void>(resolve => { member.whenDrained(resolve) })
      } else {
        await readFor(member)
      }
    }
  }

  async function readFor (member: Member): Promise<void> {
    try {
      const { epoch, offset, updates } = await read(member.position)
      if (!members.has(member) || entryAt(member.position + 1) !== undefined) return
      if (epoch !== feed.epoch() || offset <= member.position) return await feed.diverged()
      const next = updates.find(update => update.offset > member.position)
      const isGone = next === undefined ? updates.length === 0 : next.offset !== member.position + 1
      if (isGone) {
        members.delete(member)
        feed.lost(member)
      }
    } catch (error) {
      log.debug({ room: feed.room, err: (error as Error).message }, 'history could not be read; replay waits')
      await new Promise<void>(resolve => retries.push(resolve))
    }
  }

  function read (since: number | undefined): Promise<HistoryRead> {
    return new Promise((resolve, reject) => {
      waiting.push({ since, resolve, reject })
      if (!isReading) void readForAll()
    })
  }

  /** One read at a time, from the oldest position that waits. */
  async function readForAll (): Promise<void> {
    isReading = true
    while (waiting.length > 0) {
      // Those who come in the same turn share this read.
      await Promise.resolve()
      const batch = waiting
      waiting = []
      const from = batch.reduce((oldest, { since = oldest }) => Math.min(oldest, since), feed.position())
      try {
        const found = await broker.history(feed.room, from, limits)
        if (found.epoch === feed.epoch() && found.updates.length > 0) {
          pages = [found.updates.map(update => createEntry(feed.room, update)), ...pages].slice(0, PAGES_KEPT)
          linger()
        }
        for (const { resolve } of batch) resolve(found)
      } catch (error) {
        for (const { reject } of batch) reject(error)
      }
    }
    isReading = false
  }

  return {
    get size () { return members.size },
    add (member) {
      members.add(member)
      void run(member)
    },
    remove: member => { members.delete(member) },
    read,
    reaches (offset) {
      if (pages.length > 0) linger()
      return entryAt(offset) !== undefined
    },
    retry () {
      const all = retries
      retries = []
      for (const resolve of all) resolve()
    },
    members: () => members,
    clear () {
      members.clear()
      clearTimeout(forgetting)
      forgetting = undefined
      pages = []
      for (const { reject } of waiting) reject(new RoomcastError('broker/unavailable'))
      waiting = []
      this.retry()
    }
  }
}
