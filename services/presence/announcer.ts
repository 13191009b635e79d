// Tells the watchers of one room who joined, left and changed, encoded once for all of them. A watcher that is behind is
// told later, and then only the difference to its last state.
import { encodePacket, type Packet } from '../feeds/packet.ts'
import { RawJson } from '../wire/raw-json.ts'
import { roomName, type RoomKey } from '../wire/rooms.ts'
import type { People } from './people.ts'

/** A socket that sees who is in a room. */
export interface Watcher {
  readonly id: string
  send (packet: Packet): void
  /** Whether its send buffer is so full that it must wait. */
  isFull (): boolean
  /** Calls back once, when it is no longer full or the connection has ended. */
  whenDrained (callback: () => void): void
}

export interface Announcer {
  readonly watchers: Map<string, Watcher>
  /** Whether the room has so many collaborators that only the count is sent. */
  isLarge (): boolean
  announce (): void
  /** The watcher gets a list of all people as they are now, announced or not. */
  onListed (watcherId: string): void
}

/** The last state of users that a watcher got: JSON, or undefined for a user who was absent. */
type Baseline = Map<string, string | undefined>

export function createAnnouncer ({ room, people, max }: {
  room: RoomKey
  people: People
  /** Above this many collaborators, only the count is sent. */
  max: number
}): Announcer {
  const name = JSON.stringify(roomName(room)).slice(0, -1)
  const watchers = new Map<string, Watcher>()
  /** The last announced state of users, while the room is not large. */
  const announced = new Map<string, string>()
  const behind = new Map<Watcher, Baseline>()
  /** What lists said of changes that are not announced yet. If these are undone, those who got the list are told all the same. */
  const listed = new Map<Watcher, Baseline>()
  let announcedCount = 0
  let wasLarge = false

  function isLarge (): boolean {
    return people.size > max
  }

  function announce (): void {
    const dirty = people.takeDirty()
    const large = isLarge()
    // Users who joined while the room was large have not been announced yet.
    const users = wasLarge && !large ? new Set([...announced.keys(), ...people.userIds()]) : dirty
    const before: Baseline = new Map()
    if (!large) {
      for (const userId of users) {
        const now = people.textOf(userId)
        const then = wasLarge && now !== undefined ? undefined : announced.get(userId)
        if (now === then) continue
        before.set(userId, then)
        if (now === undefined) announced.delete(userId)
        else announced.set(userId, now)
      }
    }
    const hasChanged = before.size > 0 || people.size !== announcedCount
    announcedCount = people.size
    wasLarge = large
    let packet: Packet | undefined
    for (const watcher of hasChanged ? watchers.values() : listed.keys()) {
      const own = listed.get(watcher)
      const since = own === undefined ? before : new Map([...own, ...before])
      if (watchers.get(watcher.id) !== watcher || !(hasChanged || isOther(since))) continue
      if (behind.has(watcher) || watcher.isFull()) postpone(watcher, since)
      else watcher.send(own === undefined ? packet ??= changeSince(before) : changeSince(since))
    }
    listed.clear()
  }

  function onListed (watcherId: string): void {
    const watcher = watchers.get(watcherId)
    if (watcher === undefined || isLarge()) return
    const told = behind.get(watcher) ?? listed.get(watcher) ?? new Map<string, string | undefined>()
    for (const userId of [...told.keys(), ...people.dirtyUsers()]) told.set(userId, people.textOf(userId))
    if (told.size > 0 && !behind.has(watcher)) listed.set(watcher, told)
  }

  function isOther (told: Baseline): boolean {
    return [...told].some(([userId, text]) => text !== announced.get(userId))
  }

  function postpone (watcher: Watcher, before: Baseline): void {
    const known = behind.get(watcher)
    if (known !== undefined) {
      for (const [userId, text] of before) if (!known.has(userId)) known.set(userId, text)
      return
    }
    behind.set(watcher, new Map(before))
    watcher.whenDrained(() => {
      const missed = behind.get(watcher)
      behind.delete(watcher)
      if (missed !== undefined && watchers.get(watcher.id) === watcher) watcher.send(changeSince(missed))
    })
  }

  function changeSince (before: Baseline): Packet {
    const joined: string[] = []
    const left: string[] = []
    const changed: string[] = []
    if (!wasLarge) {
      for (const [userId, then] of before) {
        const now = announced.get(userId)
        if (now === then) continue
        if (then === undefined) joined.push(now as string)
        else if (now === undefined) left.push(then)
        else changed.push(now)
      }
    }
    return encodePacket('presence', new RawJson(`${name},"joined":[${joined.join(',')}],"left":[${left.join(',')}],"changed":[${changed.join(',')}],"count":${announcedCount}}`))
  }

  return { watchers, isLarge, announce, onListed }
}
