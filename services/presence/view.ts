// What an instance knows of who is in one room: its own people, of whom nobody knows better, and those of the others, from
// one snapshot of the broker and from all changes since.
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
  /** It was read at least once, and is not being read just now. */
  isKnown (): boolean
  /** To be read again with the next heartbeat. */
  readonly isDue: boolean
  /** Neither here nor in the broker is anybody of this instance. */
  isUnused (): boolean
  own (): PresenceSessions
  /** Sets or, with undefined, drops one of our own. */
  setOwn (socketId: string, entry: PresenceEntry | undefined): void
  /** The broker is still to be told of some of our own people. */
  hasUnstored (): boolean
  /** What it is still to be told; it counts as told from now on. */
  takeUnstored (): { joined: PresenceEntry[], left: string[] }
  /** What the broker was told may not have reached it. */
  doubt (socketIds: string[]): void
  apply (delta: PresenceDelta): void
  /** Reads the room; changes that come meanwhile are applied on top. False while another read is under way. */
  read (snapshot: () => Promise<PresenceSnapshot>): Promise<boolean>
  /** @returns the sockets that were dropped with it */
  dropInstance (instance: string): string[]
  timer: NodeJS.Timeout | undefined
  announcedAt: number
}

/**
 * A broker that lost who is there is told again by every instance that reads it; until then, for at most `doubtMs`,
 * nobody seems to leave.
 */
export function createView ({ room, instance: ownInstance, max, doubtMs }: {
  room: RoomKey, instance: string, max: number, doubtMs: number
}): View {
  const people = createPeople()
  const unstored = new Set<string>()
  /** By socket id, since when the broker has no word of it, though its instance lives and did not say that it left. */
  let doubted = new Map<string, number>()
  /** What came while the view is being read. */
  let meanwhile: PresenceDelta[] | undefined
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

  /** What the broker has of us and should not, or lacks. */
  function compareOwn (stored: PresenceSessions): void {
    const own = people.sessionsOf(ownInstance)
    for (const [socketId, entry] of own) if (!isSame(stored.get(socketId), entry)) unstored.add(socketId)
    for (const socketId of stored.keys()) if (!own.has(socketId)) unstored.add(socketId)
  }

  const view: View = {
    room,
    people,
    announcer: createAnnouncer({ room, people, max }),
    isKnown: () => wasRead && meanwhile === undefined,
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

    async read (snapshot) {
      if (meanwhile !== undefined) return false
      meanwhile = []
      try {
        takeSnapshot(await snapshot())
      } catch (error) {
        isDue = true
        throw error
      } finally {
        const since = meanwhile
        meanwhile = undefined
        for (const delta of since) apply(delta)
      }
      return true
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
