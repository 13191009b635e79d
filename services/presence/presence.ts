// Presence: who is in a room, over all instances. An instance with members keeps the room's view: read once, then
// changed by what the room's channel tells, and read again after a reconnect and now and then.
import type { Socket } from 'socket.io'
import type { Broker, PresenceDelta } from '../broker/broker.ts'
import { collaborators, describe } from './collaborators.ts'
import type { Identity } from '../access/identity.ts'
import type { Log } from '../observe/log.ts'
import { applyDelta, createView, storedOf, takeSnapshot, type View } from './presence-view.ts'
import type { PresenceChange, PresenceList } from '../wire/protocol.ts'
import { roomName, type RoomKey } from '../wire/rooms.ts'
import type { Settings } from '../settings.ts'

/** Every so many heartbeats all views are read again. */
const BEATS_BETWEEN_READS = 10

const READS_AT_ONCE = 50
const IN_DOUBT = ''

export interface Presence {
  /** The socket sees and is seen; again with another identity to change what is seen. */
  join (room: RoomKey, socket: Socket, identity: Identity): void
  /** `disconnect`: the collaborator stays for PRESENCE_LINGER_MS, since it may come back. */
  leave (room: RoomKey, socketId: string, reason: 'left' | 'disconnect'): void
  onDelta (room: RoomKey, delta: PresenceDelta): void
  /** The broker lost the room's past, and with it perhaps who is there. */
  onReset (room: RoomKey): void
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
  let beats = 0

  // ── Our own people ────────────────────────────────────────────────────────

  function join (room: RoomKey, socket: Socket, identity: Identity): void {
    const view = views.get(room) ?? openView(room)
    view.own.set(socket.id, { socketId: socket.id, person: describe(identity, settings.PRESENCE_SHARE_EMAIL) })
    view.watchers.set(socket.id, socket)
    schedule(room, view)
  }

  function leave (room: RoomKey, socketId: string, reason: 'left' | 'disconnect'): void {
    const view = views.get(room)
    if (view === undefined || !view.own.has(socketId)) return
    view.watchers.delete(socketId)
    if (reason === 'left') drop(room, view, socketId)
    else setTimeout(() => { if (!view.watchers.has(socketId)) drop(room, view, socketId) }, settings.PRESENCE_LINGER_MS).unref()
  }

  function drop (room: RoomKey, view: View, socketId: string): void {
    view.own.delete(socketId)
    schedule(room, view)
  }

  function openView (room: RoomKey): View {
    const view = createView()
    views.set(room, view)
    void read(room, view)
    return view
  }

  /** Joins and leaves are stored and told in batches. */
  function schedule (room: RoomKey, view: View): void {
    view.timer ??= setTimeout(() => {
      view.timer = undefined
      void store(room, view)
      announce(room, view)
    }, settings.PRESENCE_BATCH_MS).unref()
  }

  /** Writes to the broker what it does not have yet. */
  async function store (room: RoomKey, view: View): Promise<void> {
    const joined = [...view.own.values()].filter(entry => view.stored.get(entry.socketId) !== JSON.stringify(entry))
    const left = [...view.stored.keys()].filter(socketId => !view.own.has(socketId))
    if (joined.length === 0 && left.length === 0) return closeIfEmpty(room, view)
    view.stored = storedOf(view.own)
    try {
      await broker.updatePresence(room, { joined, left })
      closeIfEmpty(room, view)
    } catch (error) {
      for (const socketId of [...joined.map(entry => entry.socketId), ...left]) view.stored.set(socketId, IN_DOUBT)
      log.debug({ room, err: (error as Error).message }, 'presence was not stored; again with the next heartbeat')
    }
  }

  function closeIfEmpty (room: RoomKey, view: View): void {
    if (view.own.size === 0 && view.stored.size === 0 && view.timer === undefined && views.get(room) === view) views.delete(room)
  }

  // ── Everyone's ────────────────────────────────────────────────────────────

  async function read (room: RoomKey, view: View): Promise<void> {
    if (view.meanwhile !== undefined) return
    view.meanwhile = []
    try {
      takeSnapshot(view, await broker.presence(room), broker.instance, settings.LEASE_MS)
      dropSilent(room, view)
    } catch (error) {
      view.isDue = true
      log.debug({ room, err: (error as Error).message }, 'presence was not read; again later')
    }
    const meanwhile = view.meanwhile
    view.meanwhile = undefined
    for (const delta of meanwhile) applyDelta(view, delta)
    schedule(room, view)
  }

  /** For a room without a view here. */
  async function readAlive (room: RoomKey): Promise<View['instances']> {
    const view = createView()
    takeSnapshot(view, await broker.presence(room), broker.instance, settings.LEASE_MS)
    return new Map([...view.instances].filter(([instance]) => isAlive(instance)))
  }

  function onDelta (room: RoomKey, delta: PresenceDelta): void {
    const view = views.get(room)
    if (view === undefined) return
    view.meanwhile?.push(delta)
    applyDelta(view, delta)
    schedule(room, view)
  }

  function announce (room: RoomKey, view: View): void {
    if (view.meanwhile !== undefined || !view.isKnown) return
    const here = collaborators(view.instances.values())
    const joined = [...here.values()].filter(({ userId }) => !view.announced.has(userId))
    const left = [...view.announced.values()].filter(({ userId }) => !here.has(userId))
    view.announced = here
    if (joined.length === 0 && left.length === 0) return
    const isLarge = here.size > settings.PRESENCE_MAX
    const change: PresenceChange = { ...roomName(room), joined: isLarge ? [] : joined, left: isLarge ? [] : left, count: here.size }
    for (const socket of view.watchers.values()) socket.emit('presence', change)
  }

  /** An instance that fell silent is gone, and its people with it: each instance sees that for itself. */
  function dropSilent (room: RoomKey, view: View): void {
    for (const [instance, sessions] of view.instances) {
      if (isAlive(instance)) continue
      view.instances.delete(instance)
      schedule(room, view)
      log.info({ room, instance, sessions: sessions.size }, 'an instance is silent; its collaborators are taken out')
      broker.forgetPresence(room, instance, [...sessions.keys()]).catch((error: Error) => {
        log.debug({ room, err: error.message }, 'presence of a silent instance was not deleted; it expires')
      })
    }
  }

  /** A few at a time: all rooms of an instance at once would fill the link to Redis. */
  async function readAll (): Promise<void> {
    const all = [...views]
    for (let from = 0; from < all.length; from += READS_AT_ONCE) {
      await Promise.all(all.slice(from, from + READS_AT_ONCE).map(([room, view]) => read(room, view)))
    }
  }

  function onResumed (): void {
    void readAll()
  }

  return {
    join,
    leave,
    onDelta,

    onReset (room) {
      const view = views.get(room)
      if (view !== undefined) void read(room, view)
    },

    async list (room) {
      const view = views.get(room)
      const sessions = new Map(view?.isKnown === true ? view.instances : await readAlive(room))
      // Of our own people nobody knows better, nor earlier: who asks is among them.
      if (view !== undefined) sessions.set(broker.instance, view.own)
      const here = collaborators(sessions.values())
      return { collaborators: here.size > settings.PRESENCE_MAX ? [] : [...here.values()], count: here.size }
    },

    onBeat () {
      beats++
      for (const [room, view] of views) {
        dropSilent(room, view)
        schedule(room, view)
        if (view.isDue) void read(room, view)
      }
      if (beats % BEATS_BETWEEN_READS === 0) void readAll()
    },

    start () {
      broker.events.on('resumed', onResumed)
    },

    async close () {
      broker.events.off('resumed', onResumed)
      await Promise.all([...views].map(async ([room, view]) => {
        clearTimeout(view.timer)
        view.timer = undefined
        view.own.clear()
        await store(room, view)
      }))
    }
  }
}
