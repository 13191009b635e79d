// All feeds of this instance: opens them, keeps them warm after the last member left, and compares them with their rooms.
import { performance } from 'node:perf_hooks'
import type { Broker, PresenceDelta, Retention } from '../broker/broker.ts'
import { RoomcastError } from '../wire/errors.ts'
import type { Log } from '../observe/log.ts'
import type { Metrics } from '../observe/metrics.ts'
import type { StreamPosition } from '../wire/protocol.ts'
import { createFeed, type Feed } from './feed.ts'
import { COMMANDS_ROOM, type RoomKey } from '../wire/rooms.ts'
import type { Settings } from '../settings.ts'
import { createTurn } from './turn.ts'

export interface Feeds {
  /**
   * The open feed of a room; opens it first if need be. Its caller joins it in the same turn, or leaves it to linger.
   * @throws RoomcastError `broker/unavailable`
   */
  open (room: RoomKey, retention?: Retention): Promise<Feed>
  get (room: RoomKey): Feed | undefined
  all (): Iterable<Feed>
  /** What was collected in this turn leaves now, since something else is about to. */
  flush (): void
  /** Compares every feed with its room: the commands first, since they decide who may get the rest. */
  check (foundBy: string): Promise<void>
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
  /** This instance has members of the room; or has had none for so long that the room was left. */
  onOccupancy?: ((room: RoomKey, isOccupied: boolean) => void) | undefined
}): Feeds {
  const feeds = new Map<RoomKey, Feed>()
  const turn = createTurn()
  const opening = new Map<RoomKey, Promise<Feed>>()
  const lingering = new Map<RoomKey, NodeJS.Timeout>()
  /** Who waits for the links to the broker. */
  const waiting = new Set<() => void>()
  let checking: Promise<void> | undefined
  let isCheckDue = false
  let timer: NodeJS.Timeout | undefined

  async function openAnew (room: RoomKey, retention: Retention | undefined): Promise<Feed> {
    const feed = createFeed({
      room,
      broker,
      turn,
      settings,
      metrics,
      log,
      retention,
      onMembers,
      onPresence: delta => onPresence?.(room, delta),
      onReset: () => onReset?.(room)
    })
    const deadline = performance.now() + settings.SUBSCRIBE_TIMEOUT_MS
    while (!await isOpened(feed, deadline)) await resumed(deadline)
    feeds.set(room, feed)
    metrics.rooms.set(feeds.size)
    onMembers(feed)
    return feed
  }

  /** @throws RoomcastError once the deadline has passed */
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

  /** When the links to the broker stand again, or at the deadline. */
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
    clearTimeout(lingering.get(feed.room))
    lingering.delete(feed.room)
    if (feed.size > 0) return onOccupancy?.(feed.room, true)
    if (feeds.get(feed.room) !== feed) return
    lingering.set(feed.room, setTimeout(() => { if (feed.size === 0) void close(feed) }, settings.ROOM_LINGER_MS).unref())
  }

  async function close (feed: Feed): Promise<void> {
    clearTimeout(lingering.get(feed.room))
    lingering.delete(feed.room)
    feeds.delete(feed.room)
    metrics.rooms.set(feeds.size)
    onOccupancy?.(feed.room, false)
    await leaveChannel(feed)
  }

  async function leaveChannel (feed: Feed): Promise<void> {
    try {
      await feed.close()
    } catch (error) {
      log.debug({ room: feed.room, err: (error as Error).message }, 'the channel could not be left; the link is down')
    }
  }

  function check (foundBy: string): Promise<void> {
    if (checking !== undefined) {
      isCheckDue = true
      return checking
    }
    checking = checkAll(foundBy).finally(() => {
      checking = undefined
      if (isCheckDue) {
        isCheckDue = false
        void check(foundBy)
      }
    })
    return checking
  }

  async function checkAll (foundBy: string): Promise<void> {
    const commands = feeds.get(COMMANDS_ROOM)
    const rest = [...feeds.values()].filter(feed => feed !== commands)
    try {
      if (commands !== undefined) await compare([commands], foundBy)
      if (rest.length > 0) await compare(rest, foundBy)
      metrics.positionChecks.inc({ outcome: 'done' })
    } catch (error) {
      metrics.positionChecks.inc({ outcome: 'failed' })
      log.debug({ err: (error as Error).message }, 'positions could not be compared; done again later')
    }
  }

  async function compare (some: Feed[], foundBy: string): Promise<void> {
    const before = some.map(feed => feed.position())
    const found = await broker.touch(some.map(feed => feed.room), some[0]?.retention)
    await Promise.all(some.map((feed, i) => found[i] && feed.compare(found[i], before[i] as StreamPosition, foundBy)))
    if (found.includes(undefined)) throw new RoomcastError('broker/unavailable', 'The position of a room could not be read.')
  }

  function onResumed (): void {
    for (const done of waiting) done()
    void check('reconnect')
  }

  return {
    async open (room, retention) {
      const feed = feeds.get(room)
      if (feed !== undefined) return feed
      let promise = opening.get(room)
      if (promise === undefined) {
        promise = openAnew(room, retention).finally(() => opening.delete(room))
        opening.set(room, promise)
      }
      return await promise
    },

    get: room => feeds.get(room),
    all: () => feeds.values(),
    flush: turn.end,
    check,

    start () {
      broker.events.on('resumed', onResumed)
      timer = setInterval(() => { void check('position check') }, settings.POSITION_CHECK_MS)
      timer.unref()
    },

    async close () {
      clearInterval(timer)
      broker.events.off('resumed', onResumed)
      await Promise.all([...feeds.values()].map(close))
    }
  }
}
