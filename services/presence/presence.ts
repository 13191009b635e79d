// Presence: who is in a room over all instances, and the state of each session. An instance with members keeps a view of
// the room: read once, updated from the room's channel, and read again after a reconnect and now and then.
import { performance } from 'node:perf_hooks'
import type { Identity } from '../access/identity.ts'
import type { Broker, Concerns, PresenceDelta, PresenceEntry } from '../broker/broker.ts'
import type { Log } from '../observe/log.ts'
import type { Settings } from '../settings.ts'
import { RoomcastError } from '../wire/errors.ts'
import type { PresenceList } from '../wire/protocol.ts'
import { RawJson } from '../wire/raw-json.ts'
import type { RoomKey } from '../wire/rooms.ts'
import type { Watcher } from './announcer.ts'
import { describe } from './collaborators.ts'
import { createUnseenReader } from './unseen.ts'
import { createView, type View } from './view.ts'

/** A view is read again after this many heartbeats. */
const BEATS_BETWEEN_READS = 20
const READS_AT_ONCE = 50

export interface Presence {
  /** Adds a socket that sees and is seen. Call it again to change what others see. */
  join (room: RoomKey, watcher: Watcher, identity: Identity): void
  /** Removes a socket. After a `disconnect`, the collaborator stays for PRESENCE_LINGER_MS, because it may return. */
  leave (room: RoomKey, socketId: string, reason: 'left' | 'disconnect'): void
  /**
   * Sets the state of a session; null clears it.
   * @throws RoomcastError `request/invalid` if the session is not visible in the room, `presence/state-too-large`
   */
  setState (room: RoomKey, socketId: string, state: unknown): void
  onDelta (room: RoomKey, delta: PresenceDelta): void
  /** The broker lost the room's history, and perhaps its presence. */
  onReset (room: RoomKey): void
  /**
   * Who is there, as JSON of a PresenceList.
   * @param watcherId the socket that gets it, if any
   * @throws RoomcastError `broker/…` if this instance has no members
   */
  listText (room: RoomKey, watcherId?: string): Promise<RawJson>
  /** Who is there. @throws RoomcastError as `listText` does */
  list (room: RoomKey): Promise<PresenceList>
  /** Removes silent instances, retries failed writes, and reads views again now and then. */
  onBeat (): void
  start (): void
  /** Removes this instance's people from all rooms. */
  close (): Promise<void>
}

export function createPresence ({ broker, isAlive, settings, log, onSession }: {
  broker: Broker
  isAlive: (instance: string) => boolean
  settings: Settings
  log: Log
  /** A visible session of this instance has joined a room, or has ended. */
  onSession?: ((room: RoomKey, person: PresenceEntry['person'], isHere: boolean) => void) | undefined
}): Presence {
  const views = new Map<RoomKey, View>()
  const readUnseen = createUnseenReader({ broker, isAlive })
  let beats = 0

  // ── Our own people ────────────────────────────────────────────────────────

  function join (room: RoomKey, watcher: Watcher, identity: Identity): void {
    const view = views.get(room) ?? openView(room)
    const known = view.own().get(watcher.id)
    const person = describe(identity, settings.PRESENCE_SHARE_EMAIL)
    view.announcer.watchers.set(watcher.id, watcher)
    view.setOwn(watcher.id, { ...known, socketId: watcher.id, person })
    if (known === undefined) onSession?.(room, person, true)
    schedule(view)
  }

  function leave (room: RoomKey, socketId: string, reason: 'left' | 'disconnect'): void {
    const view = views.get(room)
    if (view === undefined || !view.own().has(socketId)) return
    const { watchers } = view.announcer
    watchers.delete(socketId)
    if (reason === 'left') drop(view, socketId)
    else setTimeout(() => { if (!watchers.has(socketId)) drop(view, socketId) }, settings.PRESENCE_LINGER_MS).unref()
  }

  function drop (view: View, socketId: string): void {
    const entry = view.own().get(socketId)
    if (entry === undefined) return
    view.setOwn(socketId, undefined)
    onSession?.(view.room, entry.person, false)
    schedule(view)
  }

  function setState (room: RoomKey, socketId: string, state: unknown): void {
    const view = views.get(room)
    const entry = view?.own().get(socketId)
    if (view === undefined || entry === undefined) throw new RoomcastError('request/invalid', 'This session is not visible in the room: SUBSCRIBE with the presence capability before you set a state.')
    const bytes = Buffer.byteLength(JSON.stringify(state))
    if (bytes > settings.PRESENCE_STATE_BYTES) {
      throw new RoomcastError('presence/state-too-large', `The state has ${bytes} bytes, but only ${settings.PRESENCE_STATE_BYTES} are allowed (PRESENCE_STATE_BYTES): send less data.`)
    }
    const { socketId: id, person } = entry
    view.setOwn(socketId, state === null ? { socketId: id, person } : { socketId: id, person, state })
    schedule(view)
  }

  function openView (room: RoomKey): View {
    const view = createView({ room, instance: broker.instance, max: settings.PRESENCE_MAX, doubtMs: settings.LEASE_MS })
    views.set(room, view)
    void read(view)
    return view
  }

  /** Changes of a room are stored and announced in batches. */
  function schedule (view: View, delayMs = settings.PRESENCE_BATCH_MS): void {
    view.timer ??= setTimeout(() => {
      view.timer = undefined
      void store(view)
      announce(view)
    }, delayMs).unref()
  }

  /** Writes to the broker what it does not have yet. */
  async function store (view: View): Promise<void> {
    const { joined, left } = view.takeUnstored()
    try {
      if (joined.length + left.length > 0) await broker.updatePresence(view.room, { joined, left })
      closeIfUnused(view)
    } catch (error) {
      view.doubt([...joined.map(({ socketId }) => socketId), ...left])
      log.debug({ room: view.room, err: (error as Error).message }, 'could not store presence; will retry with the next heartbeat')
    }
  }

  function closeIfUnused (view: View): void {
    if (view.isUnused() && view.timer === undefined && views.get(view.room) === view) views.delete(view.room)
  }

  /** The count of a large room is announced at a slower pace, because it goes to very many sockets. */
  function announce (view: View): void {
    if (!view.isKnown() || !view.people.hasChanged) return
    const now = performance.now()
    const dueInMs = view.announcer.isLarge() ? view.announcedAt + settings.PRESENCE_COUNT_MS - now : 0
    if (dueInMs > 0) return schedule(view, dueInMs)
    view.announcedAt = now
    view.announcer.announce()
  }

  // ── Everyone's ────────────────────────────────────────────────────────────

  async function read (view: View): Promise<void> {
    try {
      await view.read(() => broker.presence(view.room))
      dropSilent(view)
    } catch (error) {
      log.debug({ room: view.room, err: (error as Error).message }, 'could not read presence; will retry later')
    }
    schedule(view)
  }

  function onDelta (room: RoomKey, delta: PresenceDelta): void {
    const view = views.get(room)
    if (view === undefined) return
    view.apply(delta)
    if (view.people.hasChanged) schedule(view)
  }

  /** Removes the people of silent instances. Each instance detects those on its own. */
  function dropSilent (view: View): void {
    const { room } = view
    for (const [instance] of view.people.instances()) {
      if (isAlive(instance)) continue
      const socketIds = view.dropInstance(instance)
      schedule(view)
      log.info({ room, instance, sessions: socketIds.length }, 'an instance is silent: its collaborators are removed')
      broker.forgetPresence(room, instance, socketIds).catch((error: Error) => {
        log.debug({ room, err: error.message }, 'could not delete the presence of a silent instance; it will expire')
      })
    }
  }

  /** Reads a few at a time. All rooms at once would fill the link to Redis. */
  async function readAll (some: View[]): Promise<void> {
    for (let from = 0; from < some.length; from += READS_AT_ONCE) {
      await Promise.all(some.slice(from, from + READS_AT_ONCE).map(read))
    }
  }

  async function listText (room: RoomKey, watcherId?: string): Promise<RawJson> {
    const view = views.get(room)
    if (view === undefined) {
      const people = await readUnseen(room)
      // Members may have come meanwhile.
      return views.has(room) ? await listText(room, watcherId) : new RawJson(people.listText(settings.PRESENCE_MAX))
    }
    // Not from a read of its own: that could be older than what watchers were already told.
    if (!view.isKnown()) await view.read(() => broker.presence(room))
    if (watcherId !== undefined) view.announcer.onListed(watcherId)
    return new RawJson(view.people.listText(settings.PRESENCE_MAX))
  }

  function onResumed (concerns: Concerns): void {
    void readAll([...views.values()].filter(({ room }) => concerns(room)))
  }

  return {
    join,
    leave,
    setState,
    onDelta,

    onReset (room) {
      const view = views.get(room)
      if (view !== undefined) void read(view)
    },

    listText,
    list: async room => (await listText(room)).toJSON() as PresenceList,

    onBeat () {
      const due: View[] = []
      let i = beats++
      for (const view of views.values()) {
        dropSilent(view)
        if (view.hasUnstored()) schedule(view)
        // Spread over the beats: each beat reads its share.
        if (view.isDue || i++ % BEATS_BETWEEN_READS === 0) due.push(view)
      }
      void readAll(due)
    },

    start () {
      broker.events.on('resumed', onResumed)
    },

    async close () {
      broker.events.off('resumed', onResumed)
      await Promise.all([...views.values()].map(async view => {
        clearTimeout(view.timer)
        view.timer = undefined
        for (const socketId of [...view.own().keys()]) view.setOwn(socketId, undefined)
        await store(view)
      }))
    }
  }
}
