// A feed follows one room that has local members, and alone orders its updates: an offset already relayed is dropped, the
// next one is relayed, a hole is filled from history. If the history is insufficient, the members are told.
import type { Broker, Message, StoredUpdate, PresenceDelta, Retention } from '../broker/broker.ts'
import { createEntry } from './batch.ts'
import { createCursor } from './cursor.ts'
import { createJoins } from './joins.ts'
import type { Log } from '../observe/log.ts'
import type { Member } from './member.ts'
import type { FeedMemory } from './memory.ts'
import type { Metrics } from '../observe/metrics.ts'
import type { SubscribeResult, StreamPosition } from '../wire/protocol.ts'
import { createRelay } from './relay.ts'
import { createRepair } from './repair.ts'
import { createReplay } from './replay.ts'
import type { RoomKey } from '../wire/rooms.ts'
import type { Settings } from '../settings.ts'
import { createTail } from './tail.ts'
import type { Turn } from './turn.ts'

interface FeedOptions {
  room: RoomKey
  broker: Broker
  memory: FeedMemory
  turn: Turn
  settings: Settings
  metrics: Metrics
  log: Log
  retention?: Retention | undefined
  onPresence?: (delta: PresenceDelta) => void
  /** The broker lost the room's history. */
  onReset?: () => void
  /** The number of members changed. */
  onMembers?: (feed: Feed) => void
  /** A request to the broker failed and is retried with the next position check, which should come soon. */
  onFailed?: (feed: Feed) => void
}

export interface Feed {
  readonly room: RoomKey
  readonly retention: Retention | undefined
  /** The number of members, including those that are joining. */
  size (): number
  /** Subscribes to the channel, then reads the room's position. @throws RoomcastError `broker/unavailable` */
  open (): Promise<void>
  position (): StreamPosition
  /** The position up to which a member has received updates. */
  positionOf (member: Member): StreamPosition
  /**
   * Adds a member. `answer` is called in the same turn, right before the first update.
   * @param since the last position that the member received; undefined to start at the feed's position
   * @throws RoomcastError `broker/unavailable` if the broker must be asked and does not answer
   */
  join (member: Member, since: StreamPosition | undefined, answer: (joined: SubscribeResult) => void): Promise<void>
  leave (member: Member): void
  members (): Member[]
  /** Members that have not been given all that the feed has. */
  behind (): number
  updatesPerMinute (): number
  /**
   * Compares the feed with the room's position, and retries what failed. Resolves when differences are repaired.
   * @param found the room's position, read after `before`
   * @param before the feed's `position()`
   * @param foundBy for the metric
   * @returns undefined if there are none: every room is compared every few seconds, and nearly all are in sync
   */
  compare (found: StreamPosition, before: StreamPosition, foundBy: string): Promise<void> | undefined
  /** Leaves the channel. @throws RoomcastError `broker/unavailable` */
  close (): Promise<void>
}

export function createFeed (options: FeedOptions): Feed {
  const { room, broker, turn, memory, settings, metrics, log, retention, onPresence, onReset, onMembers, onFailed } = options
  const cursor = createCursor()
  const tail = createTail(settings.FEED_TAIL_BYTES, memory.budget)
  let isOpen = false

  const repair = createRepair({
    feed: { room, cursor, isOpen: () => isOpen, relay: onNext, reset, failed: () => onFailed?.(feed) },
    broker,
    settings,
    retention,
    metrics,
    log
  })
  const replay = createReplay({
    feed: {
      room,
      epoch: () => cursor.epoch,
      position: () => cursor.offset,
      recent: offset => tail.get(offset),
      caughtUp: member => relay.join(member),
      lost: member => notifyReset(member, 'replay'),
      diverged: repair.recheck,
      failed: () => onFailed?.(feed)
    },
    broker,
    memory,
    settings,
    metrics,
    log
  })

  const relay = createRelay({
    room,
    turn,
    maxBytes: settings.MAX_BUFFERED_BYTES / 4,
    membersPerTurn: settings.MEMBERS_PER_TURN,
    behind: replay.members,
    demote: replay.add,
    size,
    metrics
  })
  const joins = createJoins({ cursor, isOpen: () => isOpen, repair, replay, relay, onEnd: () => onMembers?.(feed), metrics })

  // ── Updates ───────────────────────────────────────────────────────────────

  function onMessage (message: Message): void {
    if (message.kind === 'presence') return onPresence?.(message)
    if (message.kind === 'ephemeral') return relay.add(createEntry(room, message))
    if (!isOpen || message.epoch !== cursor.epoch) return onForeignEpoch(message)
    if (message.offset <= cursor.offset) return onKnown(message)
    if (message.offset === cursor.offset + 1) return onNext(message)
    cursor.sawAhead(message.offset)
    void repair.fill('channel')
  }

  function onNext (update: StoredUpdate): void {
    const entry = createEntry(room, update)
    cursor.advance(update)
    tail.push(entry)
    relay.add(entry)
  }

  function onKnown (update: StoredUpdate): void {
    metrics.dropped.inc({ reason: 'known' })
    const known = update.offset === cursor.offset ? cursor.lastId : tail.get(update.offset)?.update.id
    // The broker went back in time and assigns offsets again.
    if (known !== undefined && known !== update.id) void repair.renew('conflict')
  }

  function onForeignEpoch (update: StoredUpdate): void {
    cursor.sawForeignEpoch(update)
    if (isOpen) void repair.recheck()
  }

  function reset (found: StreamPosition, reason: string): void {
    log.warn({ room, ...found, members: size(), reason }, 'a room lost its past, and its members load anew: see RoomcastFeedsReset')
    relay.flush()
    const all = members()
    cursor.beginAt(found)
    tail.clear()
    relay.clear()
    replay.clear()
    for (const member of all) notifyReset(member, reason)
    onReset?.()
    if (cursor.isBehind()) void repair.fill('reset')
  }

  function notifyReset (member: Member, reason: string): void {
    metrics.resets.inc({ reason })
    member.end('history/insufficient')
    onMembers?.(feed)
  }

  // ── Members ───────────────────────────────────────────────────────────────

  function members (): Member[] {
    return [...relay.members(), ...replay.members()]
  }

  function size (): number {
    return relay.size() + replay.size() + joins.size()
  }

  const feed: Feed = {
    room,
    retention,
    size,

    async open () {
      await broker.subscribe(room, onMessage)
      const [found] = await broker.touch([room], retention)
      cursor.beginAt(found as StreamPosition)
      isOpen = true
      if (cursor.isBehind()) void repair.fill('open')
    },

    position: cursor.position,

    positionOf (member) {
      relay.flush()
      return { epoch: cursor.epoch, offset: member.position }
    },

    join: joins.join,

    leave (member) {
      relay.leave(member)
      replay.remove(member)
      onMembers?.(feed)
    },

    members,
    behind: replay.size,
    updatesPerMinute: relay.updatesPerMinute,

    compare (found, before, foundBy) {
      replay.retry()
      return cursor.isAt(found) ? undefined : repair.compare(found, before, foundBy)
    },

    async close () {
      isOpen = false
      relay.clear()
      replay.clear()
      tail.clear()
      await broker.unsubscribe(room)
    }
  }
  return feed
}
