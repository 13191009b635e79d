// Presence: who is in a room, over all instances, and what each session says it does. An instance with members keeps the
// room's view: read once, then changed by what the room's channel tells, and read again after a reconnect and now and then.
import { performance } from 'node:perf_hooks'
import type { Identity } from '../access/identity.ts'
import type { Broker, Concerns, PresenceDelta, PresenceSnapshot } from '../broker/broker.ts'
import type { Log } from '../observe/log.ts'
import type { Settings } from '../settings.ts'
import { RoomcastError } from '../wire/errors.ts'
import type { PresenceList } from '../wire/protocol.ts'
import { RawJson } from '../wire/raw-json.ts'
import type { RoomKey } from '../wire/rooms.ts'
import type { Watcher } from './announcer.ts'
import { describe } from './collaborators.ts'
import { createPeople } from './people.ts'
import { createView, type View } from './view.ts'

/** Every so many heartbeats a view is read again. */
const BEATS_BETWEEN_READS = 20
const READS_AT_ONCE = 50

export interface Presence {
  /** The socket sees and is seen; again with another identity to change what is seen. */
  join (room: RoomKey, watcher: Watcher, identity: Identity): void
  /** `disconnect`: the collaborator stays for PRESENCE_LINGER_MS, since it may come back. */
  leave (room: RoomKey, socketId: string, reason: 'left' | 'disconnect'): void
  /**
   * Sets what a session says that it does; null clears it.
   * @throws RoomcastError `request/invalid` when the session is not seen in the room, `presence/state-too-large`
   */
  setState (room: RoomKey, socketId: string, state: unknown): void
  onDelta (room: RoomKey, delta: PresenceDelta): void
  /** The broker lost the room's past, and with it perhaps who is there. */
  onReset (room: RoomKey): void
  /** Who is there, as JSON of a PresenceList. @throws RoomcastError `broker/…` where no member is on this instance */
  listText (room: RoomKey): Promise<RawJson>
  list (room: RoomKey): Promise<PresenceList>
  /** Drops who went silent; stores what could not be stored; reads again now and then. */
  onBeat (): void
  start (): void
  /** Takes this instance's own people out of all rooms. */
  close (): Promise<void>
}

export function createPresence ({ broker, isAlive, settings, log }: {
  broker: Broker, isAlive: (instance: string) => boolean, settings: Settings, log: Log
}): Presence {
  const views = new Map<RoomKey, View>()
  /** Reads of rooms without a view; who asks meanwhile shares them. */
  const reading = new Map<RoomKey, Promise<PresenceSnapshot>>()
  let beats = 0

  // ── Our own people ────────────────────────────────────────────────────────

  function join (room: RoomKey, watcher: Watcher, identity: Identity): void {
    const view = views.get(room) ?? openView(room)
    const known = view.own().get(watcher.id)
    view.announcer.watchers.set(watcher.id, watcher)
    view.setOwn(watcher.id, { ...known, socketId: watcher.id, person: describe(identity, settings.PRESENCE_SHARE_EMAIL) })
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
    if (!view.own().has(socketId)) return
    view.setOwn(socketId, undefined)
    schedule(view)
  }

  function setState (room: RoomKey, socketId: string, state: unknown): void {
    const view = views.get(room)
    const entry = view?.own().get(socketId)
    if (view === undefined || entry === undefined) throw new RoomcastError('request/invalid', 'This session is not in the room: SUBSCRIBE before you set a state.')
    const bytes = Buffer.byteLength(JSON.stringify(state))
    if (bytes > settings.PRESENCE_STATE_BYTES) {
      throw new RoomcastError('presence/state-too-large', `The state has ${bytes} bytes, ${settings.PRESENCE_STATE_BYTES} are allowed (PRESENCE_STATE_BYTES): send less.`)
    }
    const { socketId: id, person } = entry
    view.setOwn(socketId, state === null ? { socketId: id, person } : { socketId: id, person, state })
    schedule(view)
  }

  function openView (room: RoomKey): View {
    const view = createView({
      room,
      instance: broker.instance,
      max: settings.PRESENCE_MAX,
      doubtMs: settings.LEASE_MS
    })
    views.set(room, view)
    void read(view)
    return view
  }

  /** What happens to a room is stored and told in batches. */
  function schedule (view: View, delayMs = settings.PRESENCE_BATCH_MS): void {
    view.timer ??= setTimeout(() => {
      view.timer = undefined
      void store(view)
      announce(view)
    }, delayMs).unref()
  }

  /** Tells the broker what it does not have yet. */
  async function store (view: View): Promise<void> {
    const { joined, left } = view.takeUnstored()
    try {
      if (joined.length + left.length > 0) await broker.updatePresence(view.room, { joined, left })
      closeIfUnused(view)
    } catch (error) {
      view.doubt([...joined.map(({ socketId }) => socketId), ...left])
      log.debug({ room: view.room, err: (error as Error).message }, 'presence was not stored; again with the next heartbeat')
    }
  }

  function closeIfUnused (view: View): void {
    if (view.isUnused() && view.timer === undefined && views.get(view.room) === view) views.delete(view.room)
  }

  /** The number of people in a large room is told at a slower pace: it goes to very many. */
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
      if (!await view.read(() => broker.presence(view.room))) return
      dropSilent(view)
    } catch (error) {
      log.debug({ room: view.room, err: (error as Error).message }, 'presence was not read; again later')
    }
    schedule(view)
  }

  function onDelta (room: RoomKey, delta: PresenceDelta): void {
    const view = views.get(room)
    if (view === undefined) return
    view.apply(delta)
    if (view.people.hasChanged) schedule(view)
  }

  /** An instance that fell silent is gone, and its people with it: each instance sees that for itself. */
  function dropSilent (view: View): void {
    const { room } = view
    for (const [instance] of view.people.instances()) {
      if (isAlive(instance)) continue
      const socketIds = view.dropInstance(instance)
      schedule(view)
      log.info({ room, instance, sessions: socketIds.length }, 'an instance is silent; its collaborators are taken out')
      broker.forgetPresence(room, instance, socketIds).catch((error: Error) => {
        log.debug({ room, err: error.message }, 'presence of a silent instance was not deleted; it expires')
      })
    }
  }

  /** A few at a time: all rooms of an instance at once would fill the link to Redis. */
  async function readAll (some: View[]): Promise<void> {
    for (let from = 0; from < some.length; from += READS_AT_ONCE) {
      await Promise.all(some.slice(from, from + READS_AT_ONCE).map(read))
    }
  }

  /** For a room without a view here, or whose view is not known yet. */
  function readSnapshot (room: RoomKey): Promise<PresenceSnapshot> {
    let promise = reading.get(room)
    if (promise === undefined) {
      promise = broker.presence(room).finally(() => { reading.delete(room) })
      reading.set(room, promise)
    }
    return promise
  }

  async function listText (room: RoomKey): Promise<RawJson> {
    const known = views.get(room)
    if (known?.isKnown() === true) return new RawJson(known.people.listText(settings.PRESENCE_MAX))
    const people = createPeople()
    for (const { instance, entry } of await readSnapshot(room)) {
      if (instance !== broker.instance && isAlive(instance)) people.set(instance, entry)
    }
    // Of our own people nobody knows better, nor earlier: who asks is among them.
    for (const entry of views.get(room)?.own().values() ?? []) people.set(broker.instance, entry)
    return new RawJson(people.listText(settings.PRESENCE_MAX))
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
        // Spread: each beat reads its share.
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
