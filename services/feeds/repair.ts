// Brings a feed back in sync with its room in the broker: fills holes from history, and restarts the feed if the room's
// past has changed.
import type { Broker, StoredUpdate, Retention } from '../broker/broker.ts'
import type { Cursor } from './cursor.ts'
import { RoomcastError } from '../wire/errors.ts'
import type { Log } from '../observe/log.ts'
import type { Metrics } from '../observe/metrics.ts'
import type { StreamPosition } from '../wire/protocol.ts'
import type { RoomKey } from '../wire/rooms.ts'
import type { Settings } from '../settings.ts'

/** The parts of a feed that repair needs. */
interface RepairFeed {
  readonly room: RoomKey
  readonly cursor: Cursor
  isOpen (): boolean
  /** Relays the next update. */
  relay (update: StoredUpdate): void
  /** Restarts at a position that cannot be reached from the current one, and tells every member. */
  reset (found: StreamPosition, reason: string): void
  /** The broker did not answer. The repair is retried with the next comparison, which comes soon. */
  failed (): void
}

export interface Repair {
  /** Reads history until the hole is filled. Concurrent calls share one fill. */
  fill (foundBy: string): Promise<void>
  /** Compares with the room's position `found`, read after `before`. Resolves when differences are repaired. */
  compare (found: StreamPosition, before: StreamPosition, foundBy: string): Promise<void>
  /** Reads the room's position and compares. */
  recheck (): Promise<void>
  /** Ends the room's epoch, because the broker went back in time, and restarts the feed. */
  renew (reason: string): Promise<void>
}

export function createRepair ({ feed, broker, settings, retention, metrics, log }: {
  feed: RepairFeed, broker: Broker, settings: Settings, retention: Retention | undefined, metrics: Metrics, log: Log
}): Repair {
  const { room, cursor } = feed
  // One more, because a read starts with the update that is already known.
  const limits = { maxUpdates: settings.HISTORY_SIZE + 1, maxBytes: settings.HISTORY_READ_BYTES }
  let filling: Promise<void> | undefined
  let checking: Promise<boolean> | undefined

  function fill (foundBy: string): Promise<void> {
    filling ??= attempt(async () => {
      metrics.repairs.inc({ found_by: foundBy })
      while (feed.isOpen() && cursor.isBehind()) await fillOnce()
    }).then(isDone => {
      filling = undefined
      // A hole was seen after the loop had ended.
      if (isDone && feed.isOpen() && cursor.isBehind()) return fill(foundBy)
    })
    return filling
  }

  async function fillOnce (): Promise<void> {
    const before = cursor.position()
    const target = cursor.ahead
    // Starts one update earlier: if the update at our position has another id, the room's past was rewritten.
    const from = cursor.lastId === undefined ? before.offset : before.offset - 1
    const maxUpdates = Math.min(limits.maxUpdates, target - from)
    const found = await broker.history(room, from, { ...limits, maxUpdates })
    if (isOver(before)) return
    if (found.epoch !== cursor.epoch) return feed.reset(found, 'epoch')
    if (found.offset < before.offset) return await renewNow('behind')
    const [first] = found.updates
    if (first?.offset === before.offset && before.offset === cursor.offset && first.id !== cursor.lastId) return await renewNow('conflict')
    for (const update of found.updates) {
      if (update.offset === cursor.offset + 1) feed.relay(update)
    }
    if (cursor.offset > before.offset) return
    if (found.offset > cursor.offset) {
      feed.reset(found, 'history')
    } else if (cursor.ahead === target) {
      // The room has no such update, so the message that announced it was not genuine.
      cursor.forgetAhead()
    }
  }

  async function compareNow (found: StreamPosition, before: StreamPosition, foundBy: string): Promise<void> {
    if (isOver(before)) return
    if (found.epoch !== cursor.epoch) feed.reset(found, 'epoch')
    else if (found.offset < before.offset) await renewNow('behind')
    else cursor.sawAhead(found.offset)
    // Not awaited: a fill can trigger a comparison, and would wait for itself.
    if (cursor.isBehind()) void fill(foundBy)
  }

  async function renewNow (reason: string): Promise<void> {
    await broker.renewEpoch(room, cursor.epoch)
    const [found] = await broker.touch([room], retention) as [StreamPosition]
    if (feed.isOpen() && found.epoch !== cursor.epoch) feed.reset(found, reason)
  }

  /** Whether the feed was closed or restarted since the position was taken. */
  function isOver (before: StreamPosition): boolean {
    return !feed.isOpen() || before.epoch !== cursor.epoch
  }

  async function attempt (work: () => Promise<void>): Promise<boolean> {
    try {
      await work()
      return true
    } catch (error) {
      if (!(error instanceof RoomcastError)) log.error({ room, err: error }, 'a feed failed by a bug, and is repaired again: please report this line')
      else log.debug({ room, err: error.message }, 'feed waits for the broker')
      feed.failed()
      return false
    }
  }

  return {
    fill,

    async compare (found, before, foundBy) {
      await attempt(() => compareNow(found, before, foundBy))
      await filling
    },

    async recheck () {
      checking ??= attempt(async () => {
        const before = cursor.position()
        const [found] = await broker.touch([room], retention) as [StreamPosition]
        await compareNow(found, before, 'recheck')
      }).finally(() => { checking = undefined })
      await checking
    },

    async renew (reason) {
      await attempt(() => renewNow(reason))
    }
  }
}
