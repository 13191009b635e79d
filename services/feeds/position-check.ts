// Compares every feed with its room in the broker, so that a lost last update is detected. Uses plain reads of a chunk at
// a time; now and then a `touch`, which also renews the room's life, replaces such a read.
import { performance } from 'node:perf_hooks'
import type { Broker, Concerns } from '../broker/broker.ts'
import { defaultRetention, emptyRoomSeconds } from '../broker/retention.ts'
import type { Feed } from './feed.ts'
import type { Log } from '../observe/log.ts'
import type { Metrics } from '../observe/metrics.ts'
import type { StreamPosition } from '../wire/protocol.ts'
import { COMMANDS_ROOM, type RoomKey } from '../wire/rooms.ts'
import type { Settings } from '../settings.ts'

/** The most rooms in one read. */
const CHUNK = 500
/** The longest time between renewals of a room's life; shorter if a third of that life is shorter. */
const RENEWAL_SECONDS = 3600

/** The last time the life of a feed's room was renewed. */
interface Renewal {
  /** The epoch that was renewed. A reader may start another one, which has a shorter life. */
  epoch: string
  /** When the next one is due, by performance.now(). */
  nextAt: number
}

interface PositionCheck {
  /** Records that the feed has just touched its room. */
  opened (feed: Feed): void
  /** Compares the feed with the next chunk. */
  soon (feed: Feed): void
  start (): void
  close (): void
}

export function createPositionCheck ({ feeds, broker, settings, metrics, log }: {
  feeds: ReadonlyMap<RoomKey, Feed>, broker: Broker, settings: Settings, metrics: Metrics, log: Log
}): PositionCheck {
  const { POSITION_CHECK_MS, POSITION_CHECKS_PER_SECOND, PRESENCE_TTL_SECONDS } = settings
  const most = Math.min(CHUNK, Math.max(1, Math.floor(POSITION_CHECKS_PER_SECOND * POSITION_CHECK_MS / 1000)))
  const retention = defaultRetention(settings)
  const renewals = new WeakMap<Feed, Renewal>()
  /** Feeds that come before the rest of the round. */
  const first = new Set<Feed>()
  /** The feeds that the round has not come to. Contains those opened meanwhile, so that none waits for two rounds. */
  let rest: Iterator<Feed> = [].values()
  /** The number of rooms in the last read. */
  let asked = 0
  let roundBeganAt: number | undefined
  /** Feeds that may have missed something after a reconnect. They do not wait for their turn in the round. */
  const hurried = new Set<Feed>()
  let isRunning = false
  let isClosed = false
  let timer: NodeJS.Timeout | undefined
  let commandsTimer: NodeJS.Timeout | undefined

  // ── Pace ──────────────────────────────────────────────────────────────────

  async function run (): Promise<void> {
    isRunning = true
    let isDone: boolean
    do isDone = await checkNext()
    while (isDone && hurried.size > 0)
    isRunning = false
    schedule()
  }

  function schedule (): void {
    if (!isClosed) timer = setTimeout(() => { void run() }, pauseMs()).unref()
  }

  /** A round takes POSITION_CHECK_MS, or longer if that meant too many reads per second. */
  function pauseMs (): number {
    return Math.max(POSITION_CHECK_MS / chunks(), asked / POSITION_CHECKS_PER_SECOND * 1000)
  }

  /** The commands room is not counted. It is compared separately, at its own pace. */
  function rooms (): number {
    return feeds.size - Number(feeds.has(COMMANDS_ROOM))
  }

  function chunks (): number {
    return Math.max(1, Math.ceil(rooms() / most))
  }

  /** @returns false if it failed; the same feeds are then part of the next chunk */
  async function checkNext (): Promise<boolean> {
    if (hurried.size > 0) return await checkSome(nextHurried(), 'reconnect')
    return await checkSome(nextChunk(), 'position check')
  }

  async function checkSome (some: Feed[], foundBy: string): Promise<boolean> {
    asked = some.length
    if (await compare(some.filter(isFollowed), foundBy)) return true
    for (const feed of some) first.add(feed)
    return false
  }

  function nextHurried (): Feed[] {
    const some = [...hurried].slice(0, most)
    for (const feed of some) hurried.delete(feed)
    return some
  }

  function nextChunk (): Feed[] {
    const size = Math.ceil(rooms() / chunks())
    // They are added to the chunk, so that they delay no other feed, and are at most half as many, so that feeds that fail
    // repeatedly do not slow down the round by more.
    const some = new Set([...first].slice(0, Math.ceil(size / 2)))
    for (const feed of some) first.delete(feed)
    for (let i = 0; i < size; i++) some.add(nextInRound())
    return [...some]
  }

  function nextInRound (): Feed {
    for (;;) {
      const { value } = rest.next()
      if (value === undefined) beginRound()
      else if (value.room !== COMMANDS_ROOM) return value
    }
  }

  function isFollowed (feed: Feed): boolean {
    return feeds.get(feed.room) === feed
  }

  function beginRound (): void {
    rest = feeds.values()
    const now = performance.now()
    if (roundBeganAt !== undefined) metrics.positionRoundSeconds.set((now - roundBeganAt) / 1000)
    roundBeganAt = now
  }

  function others (): Feed[] {
    return [...feeds.values()].filter(({ room }) => room !== COMMANDS_ROOM)
  }

  /** Checks the concerned feeds after a reconnect. Commands come first, because they decide who may get the rest. */
  async function onResumed (concerns: Concerns): Promise<void> {
    if (concerns(COMMANDS_ROOM)) await compareCommands('reconnect')
    for (const feed of others()) if (concerns(feed.room)) hurried.add(feed)
    if (isRunning || isClosed || hurried.size === 0) return
    clearTimeout(timer)
    await run()
  }

  async function compareCommands (foundBy: string): Promise<void> {
    const commands = feeds.get(COMMANDS_ROOM)
    if (commands !== undefined) await compare([commands], foundBy)
  }

  // ── Comparing ─────────────────────────────────────────────────────────────

  /** @returns false if the broker did not answer */
  async function compare (some: Feed[], foundBy: string): Promise<boolean> {
    if (some.length === 0) return true
    const now = performance.now()
    const due: Feed[] = []
    const others: Feed[] = []
    for (const feed of some) (isRenewalDue(feed, now) ? due : others).push(feed)
    try {
      const areWhole = await Promise.all([compareBy('touch', due, foundBy), compareBy('positions', others, foundBy)])
      metrics.positionChecks.inc({ outcome: areWhole.includes(false) ? 'failed' : 'done' })
      return true
    } catch (error) {
      metrics.positionChecks.inc({ outcome: 'failed' })
      log.debug({ err: (error as Error).message }, 'could not compare positions; will retry')
      return false
    }
  }

  /** @returns false if a position could not be read; the other feeds are compared anyway */
  async function compareBy (way: 'touch' | 'positions', some: Feed[], foundBy: string): Promise<boolean> {
    if (some.length === 0) return true
    const before = some.map(feed => feed.position())
    const found = await broker[way](some.map(({ room }) => room), some[0]?.retention)
    const repairs: Array<Promise<void>> = []
    for (const [i, feed] of some.entries()) {
      const position = found[i]
      if (position === undefined) continue
      if (way === 'touch') renewed(feed, position)
      const repair = feed.compare(position, before[i] as StreamPosition, foundBy)
      if (repair !== undefined) repairs.push(repair)
    }
    await Promise.all(repairs)
    return !found.includes(undefined)
  }

  function renewed (feed: Feed, { epoch, offset }: StreamPosition): void {
    const kept = feed.retention ?? retention
    const lifeSeconds = Math.min(offset > 0 ? kept.roomSeconds : emptyRoomSeconds(kept), PRESENCE_TTL_SECONDS)
    // At random, so that rooms opened together are renewed apart.
    const share = 0.5 + Math.random() / 2
    renewals.set(feed, { epoch, nextAt: performance.now() + share * Math.min(RENEWAL_SECONDS, lifeSeconds / 3) * 1000 })
  }

  function isRenewalDue (feed: Feed, now: number): boolean {
    const renewal = renewals.get(feed)
    return renewal?.epoch !== feed.position().epoch || now > renewal.nextAt
  }

  return {
    opened: feed => renewed(feed, feed.position()),
    soon: feed => { first.add(feed) },

    start () {
      broker.events.on('resumed', onResumed)
      commandsTimer = setInterval(() => { void compareCommands('position check') }, POSITION_CHECK_MS).unref()
      schedule()
    },

    close () {
      isClosed = true
      clearTimeout(timer)
      clearInterval(commandsTimer)
      broker.events.off('resumed', onResumed)
    }
  }
}
