// All feeds of this instance: opens them up to a limit, and keeps them for a while after their last member left.
import { performance } from 'node:perf_hooks'
import type { Broker, PresenceDelta, Retention } from '../broker/broker.ts'
import { RoomcastError } from '../wire/errors.ts'
import { limitError } from '../observe/limits.ts'
import type { Log } from '../observe/log.ts'
import type { Metrics } from '../observe/metrics.ts'
import { createFeed, type Feed } from './feed.ts'
import { createLinger } from './linger.ts'
import { createLock } from './lock.ts'
import { createFeedMemory } from './memory.ts'
import { createPositionCheck } from './position-check.ts'
import { COMMANDS_ROOM, type RoomKey } from '../wire/rooms.ts'
import type { Settings } from '../settings.ts'
import { createTurn } from './turn.ts'

/** How many rooms are opened at the same time. More would fill the link to Redis when many clients reconnect. */
const OPENS_AT_ONCE = 500

export interface Feeds {
  /**
   * The feed of a room, opened if necessary. The caller must join it in the same turn, or it is closed later.
   * @throws RoomcastError `broker/unavailable`, `limit/rooms-per-instance`
   */
  open (room: RoomKey, retention?: Retention): Promise<Feed>
  get (room: RoomKey): Feed | undefined
  all (): Iterable<Feed>
  /** Sends the updates that were collected in this turn. Call it before anything else is sent. */
  flush (): void
  start (): void
  close (): Promise<void>
}

export function createFeeds ({ broker, settings, metrics, log, onPresence, onReset, onOccupancy }: {
  broker: Broker
  settings: Settings
  metrics: Metrics
  log: Log
  onPresence?: (room: RoomKey, delta: PresenceDelta) => void
  onReset?: (room: RoomKey) => void
  /** The room has members here, or it was left because it had none for a while. */
  onOccupancy?: ((room: RoomKey, isOccupied: boolean) => void) | undefined
}): Feeds {
  const feeds = new Map<RoomKey, Feed>()
  const turn = createTurn()
  const opening = new Map<RoomKey, Promise<Feed>>()
  const openingPlaces = createLock(OPENS_AT_ONCE)
  const memory = createFeedMemory(settings, metrics)
  const positions = createPositionCheck({ feeds, broker, settings, metrics, log })
  /** Feeds without members. */
  const lingering = createLinger<Feed>(settings.ROOM_LINGER_MS, feed => { if (feed.size() === 0) void close(feed) })
  /** Callbacks that wait for the links to the broker. */
  const waiting = new Set<() => void>()

  /**
   * Makes space for one more room: at the limit, the room that has been empty for longest is closed.
   * @throws RoomcastError `limit/rooms-per-instance`
   */
  function assertRoomLimit (): void {
    // The commands room does not count.
    if (feeds.size + opening.size - Number(feeds.has(COMMANDS_ROOM)) < settings.MAX_ROOMS) return
    const quiet = longestEmpty()
    if (quiet !== undefined) {
      void close(quiet)
      return
    }
    throw limitError(metrics, 'rooms-per-instance')
  }

  function longestEmpty (): Feed | undefined {
    let feed = lingering.next()
    // A client is joining it. The feed is put back if that fails.
    while (feed !== undefined && feed.size() > 0) {
      lingering.delete(feed)
      feed = lingering.next()
    }
    return feed
  }

  async function openAnew (room: RoomKey, retention: Retention | undefined): Promise<Feed> {
    const feed = createFeed({
      room,
      broker,
      memory,
      turn,
      settings,
      metrics,
      log,
      retention,
      onMembers,
      onFailed: positions.soon,
      onPresence: delta => onPresence?.(room, delta),
      onReset: () => onReset?.(room)
    })
    const deadline = performance.now() + settings.SUBSCRIBE_TIMEOUT_MS
    const leave = await openingPlaces.acquire()
    try {
      while (!await isOpened(feed, deadline)) await resumed(deadline)
    } finally {
      leave()
    }
    feeds.set(room, feed)
    metrics.rooms.set(feeds.size)
    positions.opened(feed)
    onMembers(feed)
    return feed
  }

  /** @throws RoomcastError if it fails after the deadline */
  async function isOpened (feed: Feed, deadline: number): Promise<boolean> {
    try {
      await feed.open()
      return true
    } catch (error) {
      void leaveChannel(feed)
      if (!(error instanceof RoomcastError) || performance.now() >= deadline) throw error
      return false
    }
  }

  /** Resolves when the links to the broker are up again, or at the deadline. */
  function resumed (deadline: number): Promise<void> {
    return new Promise(resolve => {
      const done = (): void => {
        clearTimeout(timer)
        waiting.delete(done)
        resolve()
      }
      const timer = setTimeout(done, deadline - performance.now())
      waiting.add(done)
    })
  }

  function onMembers (feed: Feed): void {
    if (feed.size() > 0) {
      lingering.delete(feed)
      onOccupancy?.(feed.room, true)
    } else if (feeds.get(feed.room) === feed) {
      lingering.put(feed)
    }
  }

  async function close (feed: Feed): Promise<void> {
    lingering.delete(feed)
    feeds.delete(feed.room)
    metrics.rooms.set(feeds.size)
    onOccupancy?.(feed.room, false)
    await leaveChannel(feed)
  }

  async function leaveChannel (feed: Feed): Promise<void> {
    try {
      await feed.close()
    } catch (error) {
      log.debug({ room: feed.room, err: (error as Error).message }, 'could not leave the channel because the link is down')
    }
  }

  function onResumed (): void {
    for (const done of waiting) done()
  }

  return {
    async open (room, retention) {
      const feed = feeds.get(room)
      // The time of an empty room starts again.
      if (feed?.size() === 0) lingering.put(feed)
      if (feed !== undefined) return feed
      let promise = opening.get(room)
      if (promise === undefined) {
        if (room !== COMMANDS_ROOM) assertRoomLimit()
        promise = openAnew(room, retention).finally(() => opening.delete(room))
        opening.set(room, promise)
      }
      return await promise
    },

    get: room => feeds.get(room),
    all: () => feeds.values(),
    flush: turn.end,

    start () {
      broker.events.on('resumed', onResumed)
      positions.start()
    },

    async close () {
      positions.close()
      lingering.clear()
      broker.events.off('resumed', onResumed)
      await Promise.all([...feeds.values()].map(close))
    }
  }
}
