// A feed: what this instance knows of one room that has local members, and the one place that puts updates in order.
// Offset already relayed: drop. Next in line: relay. A hole: read the history from the position on. So however the
// link to the broker fails, members see every update once, in order; where history does not reach, they are told.
import type { Broker, EphemeralUpdate, Message, NumberedUpdate, PresenceDelta, Retention } from './broker.ts'
import { RoomcastError } from './errors.ts'
import type { Log } from './log.ts'
import type { Member } from './member.ts'
import type { Metrics } from './metrics.ts'
import type { Joined, StreamPosition } from './protocol.ts'
import { isRecoverable } from './recovery.ts'
import { createEntry } from './relay.ts'
import { createReplay } from './replay.ts'
import type { RoomKey } from './rooms.ts'
import type { Settings } from './settings.ts'
import { createTail } from './tail.ts'
import { traceRelay } from './tracing.ts'

export interface FeedOptions {
  room: RoomKey
  broker: Broker
  settings: Settings
  metrics: Metrics
  log: Log
  retention?: Retention | undefined
  onPresence?: (delta: PresenceDelta) => void
  /** The broker lost the room's past. */
  onReset?: () => void
  /** The number of members changed. */
  onMembers?: (feed: Feed) => void
}

export interface Feed {
  readonly room: RoomKey
  readonly retention: Retention | undefined
  readonly size: number
  /** Subscribes to the channel, then takes the room's position. */
  open (): Promise<void>
  position (): StreamPosition
  /**
   * Adds a member. `answer` is called right before the first update is handed over, in the same turn.
   * @param since where the member stopped; undefined to begin at the feed's position
   * @throws RoomcastError `broker/unavailable` when the room in the broker must be asked and cannot be
   */
  join (member: Member, since: StreamPosition | undefined, answer: (joined: Joined) => void): Promise<void>
  leave (member: Member): void
  members (): Member[]
  /** Compares with the room's position, as it was read after `before` was taken with `position()`. */
  compare (found: StreamPosition, before: StreamPosition, foundBy: string): Promise<void>
  close (): Promise<void>
}

export function createFeed (options: FeedOptions): Feed {
  const { room, broker, settings, metrics, log, retention, onPresence, onReset, onMembers } = options
  const demotionBytes = settings.MAX_BUFFERED_BYTES / 2
  const limits = { maxUpdates: settings.HISTORY_SIZE, maxBytes: settings.HISTORY_READ_BYTES }
  const tail = createTail(settings.FEED_TAIL_BYTES)
  const live = new Set<Member>()
  const replay = createReplay({
    feed: {
      room,
      epoch: () => epoch,
      position: () => position,
      recent: offset => tail.get(offset),
      arrived: member => live.add(member),
      lost: member => tell(member, 'replay'),
      strayed: recheck
    },
    broker,
    settings,
    metrics,
    log
  })

  let epoch = ''
  let position = 0
  /** Id of the update at `position`; unknown right after the feed was opened. */
  let lastId: string | undefined
  /** Highest offset that was seen but could not be relayed: there is a hole up to it. */
  let ahead = 0
  /** Highest position seen of another epoch, which a reset may turn out to be ours. */
  let stranger: StreamPosition | undefined
  let isOpen = false
  /** Members on their way in: the feed is not to be closed under them. */
  let joining = 0
  let filling: Promise<void> | undefined
  let checking: Promise<void> | undefined

  // ── Live ──────────────────────────────────────────────────────────────────

  function onMessage (message: Message): void {
    if (message.kind === 'presence') return onPresence?.(message)
    if (message.kind === 'ephemeral') return relayEphemeral(message)
    if (!isOpen || message.epoch !== epoch) return onStranger(message)
    if (message.offset <= position) return onKnown(message)
    if (message.offset === position + 1) return relay(message)
    ahead = Math.max(ahead, message.offset)
    void fill('channel')
  }

  function relay (update: NumberedUpdate): void {
    const entry = createEntry(room, update)
    position = update.offset
    lastId = update.id
    tail.push(entry)
    for (const member of live) {
      if (member.waiting() > demotionBytes) {
        live.delete(member)
        replay.add(member)
      } else {
        member.deliver(entry)
        member.position = position
      }
    }
    if (update.trace !== undefined) traceRelay(room, update, size())
    metrics.relayed.inc({ kind: 'update' })
    metrics.lagSeconds.observe(Math.max(0, Date.now() - update.publishedAt) / 1000)
  }

  function relayEphemeral (update: EphemeralUpdate): void {
    const entry = createEntry(room, update)
    for (const member of live) member.deliverEphemeral(entry)
    for (const member of replay.members()) member.deliverEphemeral(entry)
    metrics.relayed.inc({ kind: 'ephemeral' })
  }

  function onKnown (update: NumberedUpdate): void {
    metrics.dropped.inc({ reason: 'known' })
    const known = update.offset === position ? lastId : tail.get(update.offset)?.update.id
    // The broker went back in time and gives offsets out anew.
    if (known !== undefined && known !== update.id) void renew('conflict')
  }

  function onStranger ({ epoch: other, offset }: StreamPosition): void {
    stranger = { epoch: other, offset: stranger?.epoch === other ? Math.max(stranger.offset, offset) : offset }
    if (isOpen) void recheck()
  }

  // ── Repair ────────────────────────────────────────────────────────────────

  /** Reads history until the hole is closed; one at a time. */
  function fill (foundBy: string): Promise<void> {
    filling ??= attempt(async () => {
      metrics.repairs.inc({ found_by: foundBy })
      while (isOpen && position < ahead) await fillOnce()
    }).finally(() => { filling = undefined })
    return filling
  }

  async function fillOnce (): Promise<void> {
    const before = current()
    const target = ahead
    // From one earlier on: if the update at our position is another one now, the room's past was rewritten.
    const from = lastId === undefined ? position : position - 1
    const found = await broker.history(room, from, limits)
    if (!isOpen || before.epoch !== epoch) return
    if (found.epoch !== epoch) return await reset(found, 'epoch')
    if (found.offset < before.offset) return await renew('behind')
    const [first] = found.updates
    if (first?.offset === before.offset && before.offset === position && first.id !== lastId) return await renew('conflict')
    const missed = found.updates.filter(update => update.offset > position)
    for (const update of missed) {
      if (update.offset !== position + 1) break
      relay(update)
    }
    if (position > before.offset) return
    if (found.offset <= position) {
      // The room has no such update: what announced it was not ours.
      if (ahead === target) ahead = position
      return
    }
    log.warn({ room, position, offset: found.offset }, 'history does not reach the hole')
    await reset(found, 'history')
  }

  /** A room that is behind its feed, or has another update at a known offset: the broker lost its past, so it begins a new epoch. */
  async function renew (reason: string): Promise<void> {
    log.warn({ room, epoch, position, reason }, 'the broker went back in time: new epoch')
    await attempt(() => broker.renewEpoch(room, epoch))
    await recheck()
  }

  function recheck (): Promise<void> {
    checking ??= attempt(async () => {
      const before = current()
      const [found] = await broker.positions([room], retention)
      await compare(found as StreamPosition, before, 'recheck')
    }).finally(() => { checking = undefined })
    return checking
  }

  async function compare (found: StreamPosition, before: StreamPosition, foundBy: string): Promise<void> {
    replay.retry()
    if (!isOpen || before.epoch !== epoch) return
    if (found.epoch !== epoch) return await reset(found, 'epoch')
    if (found.offset < before.offset) return await renew('behind')
    ahead = Math.max(ahead, found.offset)
    if (ahead > position) await fill(foundBy)
  }

  /** Begins anew at a position that cannot be reached from ours; every member is told. */
  async function reset (found: StreamPosition, reason: string): Promise<void> {
    log.info({ room, epoch: found.epoch, offset: found.offset, members: size(), reason }, 'feed begins anew; members are told')
    const all = members()
    begin(found)
    live.clear()
    replay.clear()
    for (const member of all) tell(member, reason)
    onReset?.()
    if (ahead > position) await fill('reset')
  }

  function begin (found: StreamPosition): void {
    epoch = found.epoch
    position = found.offset
    lastId = undefined
    ahead = stranger?.epoch === epoch ? Math.max(stranger.offset, position) : position
    stranger = undefined
    tail.clear()
  }

  function tell (member: Member, reason: string): void {
    metrics.resets.inc({ reason })
    member.end('history/insufficient')
    onMembers?.(feed)
  }

  /** What fails for want of the broker is done again by the next position check. */
  async function attempt (work: () => Promise<void>): Promise<void> {
    try {
      await work()
    } catch (error) {
      if (!(error instanceof RoomcastError)) log.error({ room, err: error }, 'feed failed')
      else log.debug({ room, err: error.message }, 'feed waits for the broker')
    }
  }

  // ── Members ───────────────────────────────────────────────────────────────

  async function join (member: Member, since: StreamPosition | undefined, answer: (joined: Joined) => void): Promise<void> {
    joining++
    try {
      await joinFrom(member, since, answer)
    } finally {
      joining--
      onMembers?.(feed)
    }
  }

  async function joinFrom (member: Member, since: StreamPosition | undefined, answer: (joined: Joined) => void): Promise<void> {
    const recovered = since !== undefined && (isAtHand(since) || await isKept(since)) && isReached(since)
    if (!isOpen) throw new RoomcastError('broker/unavailable', 'The room was closed meanwhile: subscribe again.')
    const missed = recovered ? position - since.offset : 0
    answer({ epoch, offset: position, recovered, missed })
    member.position = position - missed
    if (missed === 0) live.add(member)
    else replay.add(member)
    if (since !== undefined) metrics.recoveries.inc({ outcome: recovered ? 'recovered' : 'insufficient' })
  }

  /** The feed alone can bring everything after `since`, and is not behind it. */
  function isAtHand (since: StreamPosition): boolean {
    return isReached(since) && (since.offset === position || replay.reaches(since.offset + 1))
  }

  function isReached (since: StreamPosition): boolean {
    return since.epoch === epoch && since.offset <= position
  }

  /** Whether the room in the broker still has what came after `since`; brings a feed that is behind it up to there. */
  async function isKept (since: StreamPosition): Promise<boolean> {
    const found = await replay.read(since.epoch === epoch ? since.offset : undefined)
    if (found.epoch !== epoch) await recheck()
    if (!isRecoverable(since, found)) return false
    if (since.epoch === epoch && since.offset > position) {
      ahead = Math.max(ahead, since.offset)
      await fill('recovery')
      if (since.epoch === epoch && since.offset > position) throw new RoomcastError('broker/unavailable', 'The room could not be caught up with: subscribe again.')
    }
    return true
  }

  function current (): StreamPosition {
    return { epoch, offset: position }
  }

  function members (): Member[] {
    return [...live, ...replay.members()]
  }

  function size (): number {
    return live.size + replay.size + joining
  }

  const feed: Feed = {
    room,
    retention,
    get size () { return size() },

    async open () {
      await broker.subscribe(room, onMessage)
      const [found] = await broker.positions([room], retention)
      begin(found as StreamPosition)
      isOpen = true
      if (ahead > position) void fill('open')
    },

    position: current,
    join,

    leave (member) {
      live.delete(member)
      replay.remove(member)
      onMembers?.(feed)
    },

    members,
    compare: (found, before, foundBy) => attempt(() => compare(found, before, foundBy)),

    async close () {
      isOpen = false
      live.clear()
      replay.clear()
      await broker.unsubscribe(room)
    }
  }
  return feed
}
