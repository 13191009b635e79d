// One instance's view of the people in a room: its own people, which it knows best, and those of other instances, from
// one snapshot of the broker plus all changes since.
import { performance } from 'node:perf_hooks'
import type { PresenceDelta, PresenceEntry, PresenceSnapshot } from '../broker/broker.ts'
import type { RoomKey } from '../wire/rooms.ts'
import { createAnnouncer, type Announcer } from './announcer.ts'
import type { PresenceSessions } from './collaborators.ts'
import { createPeople, type People } from './people.ts'

export interface View {
  readonly room: RoomKey
  readonly people: People
  readonly announcer: Announcer
  /** Whether it was read at least once and no read is under way. */
  isKnown (): boolean
  /** Whether it must be read again with the next heartbeat. */
  readonly isDue: boolean
  /** Whether this instance has nobody in the room, here or in the broker. */
  isUnused (): boolean
  own (): ReadonlyMap<string, PresenceEntry>
  /** Sets one of our own sessions; undefined removes it. */
  setOwn (socketId: string, entry: PresenceEntry | undefined): void
  /** Whether some of our own changes are not stored in the broker yet. */
  hasUnstored (): boolean
  /** The changes that are not stored yet. They count as stored from now on. */
  takeUnstored (): { joined: PresenceEntry[], left: string[] }
  /** Marks sessions as not stored, after a write that may have failed. */
  doubt (socketIds: string[]): void
  /** Applies a change by another instance. */
  apply (delta: PresenceDelta): void
  /** Reads the room, then applies changes that arrived meanwhile. Concurrent calls share one read. */
  read (snapshot: () => Promise<PresenceSnapshot>): Promise<void>
  /** @returns the sockets that were dropped with it */
  dropInstance (instance: string): string[]
  timer: NodeJS.Timeout | undefined
  announcedAt: number
}

/**
 * If the broker loses its presence, every instance that reads it stores its own people again. Until then, for at most
 * `doubtMs`, nobody seems to leave.
 */
export function createView ({ room, instance: ownInstance, max, doubtMs }: {
  room: RoomKey, instance: string, max: number, doubtMs: number
}): View {
  const people = createPeople()
  const unstored = new Set<string>()
  /** Sessions that the broker does not have although their instance is alive and reported no leave; with the time since when. */
  let doubted = new Map<string, number>()
  /** Changes that arrived while the view is being read. */
  let meanwhile: PresenceDelta[] | undefined
  let reading: Promise<void> | undefined
  let wasRead = false
  let isDue = false

  function apply ({ instance, joined, left }: PresenceDelta): void {
    if (instance === ownInstance) return
    for (const entry of joined) people.set(instance, entry)
    for (const socketId of left) people.delete(instance, socketId)
  }

  function takeSnapshot (snapshot: PresenceSnapshot): void {
    const found = new Map<string, Map<string, PresenceEntry>>()
    for (const { instance, entry } of snapshot) found.set(instance, (found.get(instance) ?? new Map()).set(entry.socketId, entry))
    compareOwn(found.get(ownInstance) ?? new Map())
    found.delete(ownInstance)

    const now = performance.now()
    const stillDoubted = new Map<string, number>()
    for (const [instance, sessions] of [...people.instances()]) {
      if (instance === ownInstance) continue
      for (const socketId of [...sessions.keys()]) {
        if (found.get(instance)?.has(socketId) === true) continue
        const since = doubted.get(socketId) ?? now
        if (now - since > doubtMs) people.delete(instance, socketId)
        else stillDoubted.set(socketId, since)
      }
    }
    for (const [instance, sessions] of found) {
      const known = people.sessionsOf(instance)
      for (const [socketId, entry] of sessions) if (!isSame(known.get(socketId), entry)) people.set(instance, entry)
    }
    doubted = stillDoubted
    wasRead = true
    isDue = doubted.size > 0
  }

  /** Finds our own sessions that the broker lacks or should not have. */
  function compareOwn (stored: PresenceSessions): void {
    const own = people.sessionsOf(ownInstance)
    for (const [socketId, entry] of own) if (!isSame(stored.get(socketId), entry)) unstored.add(socketId)
    for (const socketId of stored.keys()) if (!own.has(socketId)) unstored.add(socketId)
  }

  async function readOnce (snapshot: () => Promise<PresenceSnapshot>): Promise<void> {
    meanwhile = []
    try {
      takeSnapshot(await snapshot())
    } catch (error) {
      isDue = true
      throw error
    } finally {
      for (const delta of meanwhile) apply(delta)
      meanwhile = undefined
    }
  }

  const view: View = {
    room,
    people,
    announcer: createAnnouncer({ room, people, max }),
    isKnown: () => wasRead && reading === undefined,
    get isDue () { return isDue },
    isUnused: () => people.sessionsOf(ownInstance).size === 0 && unstored.size === 0,
    own: () => people.sessionsOf(ownInstance),
    hasUnstored: () => unstored.size > 0,

    setOwn (socketId, entry) {
      if (entry === undefined) people.delete(ownInstance, socketId)
      else if (isSame(people.sessionsOf(ownInstance).get(socketId), entry)) return
      else people.set(ownInstance, entry)
      unstored.add(socketId)
    },

    takeUnstored () {
      const own = people.sessionsOf(ownInstance)
      const socketIds = [...unstored]
      unstored.clear()
      return {
        joined: socketIds.map(socketId => own.get(socketId)).filter(entry => entry !== undefined),
        left: socketIds.filter(socketId => !own.has(socketId))
      }
    },

    doubt (socketIds) {
      for (const socketId of socketIds) unstored.add(socketId)
    },

    apply (delta) {
      meanwhile?.push(delta)
      apply(delta)
    },

    read (snapshot) {
      reading ??= readOnce(snapshot).finally(() => { reading = undefined })
      return reading
    },

    dropInstance (instance) {
      const socketIds = [...people.sessionsOf(instance).keys()]
      for (const socketId of socketIds) people.delete(instance, socketId)
      return socketIds
    },

    timer: undefined,
    announcedAt: -Infinity
  }
  return view
}

function isSame (a: PresenceEntry | undefined, b: PresenceEntry): boolean {
  return a !== undefined && (a === b || JSON.stringify(a) === JSON.stringify(b))
}
