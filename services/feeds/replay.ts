// Brings members that are behind up to the feed's position, each at the pace at which its connection drains.
import type { Broker, HistoryRead } from '../broker/broker.ts'
import { RoomcastError } from '../wire/errors.ts'
import type { Log } from '../observe/log.ts'
import type { Member } from './member.ts'
import type { FeedMemory } from './memory.ts'
import type { Metrics } from '../observe/metrics.ts'
import { createPages } from './pages.ts'
import { createEntry, type Entry } from './batch.ts'
import type { RoomKey } from '../wire/rooms.ts'
import type { Settings } from '../settings.ts'

/** The parts of a feed that replay needs. */
interface ReplayFeed {
  readonly room: RoomKey
  epoch (): string
  position (): number
  recent (offset: number): Entry | undefined
  /** The member has reached the feed's position. */
  caughtUp (member: Member): void
  /** The history no longer reaches back to the member's position. */
  lost (member: Member): void
  /** Compares feed and room, after a read found the room in another epoch or behind the feed. */
  diverged (): Promise<void>
  /** A read failed. It is retried with the next comparison, which comes soon. */
  failed (): void
}

interface WaitingRead {
  since: number | undefined
  caller: string | undefined
  resolve: (read: HistoryRead) => void
  reject: (error: unknown) => void
}

export interface Replay {
  size (): number
  /** Starts at `member.position`. The first part is sent before this returns. */
  add (member: Member): void
  remove (member: Member): void
  /**
   * Reads position and history of the room. Concurrent calls share the next read; a call during a read that brings what it
   * needs shares that one.
   * @param since from where history will be needed; undefined for a position that is read after this call
   * @param caller whose turn the read takes
   * @throws RoomcastError `broker/unavailable`
   */
  read (since: number | undefined, caller: string | undefined): Promise<HistoryRead>
  /** Whether the update at an offset is in memory, in the tail or a page. */
  reaches (offset: number): boolean
  /** Retries failed reads. */
  retry (): void
  members (): Iterable<Member>
  clear (): void
}

export function createReplay ({ feed, broker, memory, settings, metrics, log }: {
  feed: ReplayFeed, broker: Broker, memory: FeedMemory, settings: Settings, metrics: Metrics, log: Log
}): Replay {
  const limits = { maxUpdates: settings.HISTORY_SIZE, maxBytes: settings.HISTORY_READ_BYTES }
  const members = new Set<Member>()
  const pages = createPages(memory, () => members.size > 0 || isReading)
  let waiting: WaitingRead[] = []
  let isReading = false
  let retries: Array<() => void> = []

  function entryAt (offset: number): Entry | undefined {
    return feed.recent(offset) ?? pages.get(offset)
  }

  /** Delivers what is in memory and fits. Delivering the last update and becoming live are one synchronous step. */
  function advance (member: Member): 'caughtUp' | 'full' | 'unread' {
    while (member.position < feed.position()) {
      if (member.isFull()) return 'full'
      const entry = entryAt(member.position + 1)
      if (entry === undefined) return 'unread'
      member.deliver(entry.alone)
      member.position++
      metrics.delivered.inc()
      metrics.recovered.inc()
    }
    feed.caughtUp(member)
    members.delete(member)
    return 'caughtUp'
  }

  /** Replays one room of a connection at a time, because the other rooms could not send what they read. */
  async function run (member: Member): Promise<void> {
    const release = await member.replayLock?.acquire()
    try {
      while (members.has(member)) {
        const state = advance(member)
        if (state === 'full') await new Promise<void>(resolve => { member.whenDrained(resolve) })
        if (state === 'unread') await readFor(member)
      }
    } finally {
      release?.()
    }
  }

  async function readFor (member: Member): Promise<void> {
    try {
      const { epoch, offset, updates } = await read(member.position, member.caller)
      if (!members.has(member) || entryAt(member.position + 1) !== undefined) return
      if (epoch !== feed.epoch() || offset <= member.position) {
        await feed.diverged()
        if (!members.has(member)) return
        throw new RoomcastError('broker/unavailable', 'The room could not be compared: the replay goes on after the next comparison.')
      }
      const next = updates.find(update => update.offset > member.position)
      const isGone = next === undefined ? updates.length === 0 : next.offset !== member.position + 1
      if (isGone) {
        members.delete(member)
        feed.lost(member)
      }
    } catch (error) {
      log.debug({ room: feed.room, err: (error as Error).message }, 'could not read history; the replay waits')
      feed.failed()
      await new Promise<void>(resolve => retries.push(resolve))
    }
  }

  function read (since: number | undefined, caller: string | undefined): Promise<HistoryRead> {
    return new Promise((resolve, reject) => {
      waiting.push({ since, caller, resolve, reject })
      if (!isReading) void readForAll()
    })
  }

  /** One read at a time, from the oldest requested position. */
  async function readForAll (): Promise<void> {
    isReading = true
    while (waiting.length > 0) {
      // Requests of the same turn share this read.
      await Promise.resolve()
      const batch = waiting
      waiting = []
      const from = batch.reduce((oldest, { since = oldest }) => Math.min(oldest, since), feed.position())
      try {
        const found = await broker.history(feed.room, from, limits, batch.find(({ caller }) => caller !== undefined)?.caller)
        if (found.epoch === feed.epoch() && found.updates.length > 0) {
          pages.add(found.updates.map(update => createEntry(feed.room, update)))
        }
        for (const { resolve } of batch) resolve(found)
        if (found.epoch === feed.epoch()) serve(found)
      } catch (error) {
        for (const { reject } of batch) reject(error)
      }
    }
    isReading = false
  }

  /** Requests that came during a read and ask for what is in memory now need no read of their own. */
  function serve (found: HistoryRead): void {
    const isServed = ({ since }: WaitingRead) => since !== undefined && since < feed.position() && entryAt(since + 1) !== undefined
    for (const { resolve } of waiting.filter(isServed)) resolve(found)
    waiting = waiting.filter(request => !isServed(request))
  }

  return {
    size: () => members.size,
    add (member) {
      members.add(member)
      if (advance(member) !== 'caughtUp') void run(member)
    },
    remove: member => { members.delete(member) },
    read,
    reaches (offset) {
      pages.use()
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
      pages.clear()
      for (const { reject } of waiting) reject(new RoomcastError('broker/unavailable'))
      waiting = []
      this.retry()
    }
  }
}
