// What the watchers of one room are told of who comes, goes and changes: encoded once for all of them. Whoever is behind
// is told when it has drained, and then only how things stand.
import { encodePacket, type Packet } from '../feeds/packet.ts'
import { RawJson } from '../wire/raw-json.ts'
import { roomName, type RoomKey } from '../wire/rooms.ts'
import type { People } from './people.ts'

/** A socket that sees who is in a room. */
export interface Watcher {
  readonly id: string
  send (packet: Packet): void
  /** So much waits for it that it is behind. */
  isFull (): boolean
  /** Calls back once when it is not full, or when the connection has ended. */
  whenDrained (callback: () => void): void
}

export interface Announcer {
  readonly watchers: Map<string, Watcher>
  /** The room has so many people that only their number is told. */
  isLarge (): boolean
  announce (): void
}

/** How a watcher that is behind last heard of users: as JSON, or undefined for one who was not there. */
type Baseline = Map<string, string | undefined>

export function createAnnouncer ({ room, people, max }: {
  room: RoomKey
  people: People
  /** Above this many collaborators only the count is told. */
  max: number
}): Announcer {
  const name = JSON.stringify(roomName(room)).slice(0, -1)
  const watchers = new Map<string, Watcher>()
  /** How users were last announced, while the room is not large. */
  const announced = new Map<string, string>()
  const behind = new Map<Watcher, Baseline>()
  let announcedCount = 0
  let wasLarge = false

  function isLarge (): boolean {
    return people.size > max
  }

  function announce (): void {
    const dirty = people.takeDirty()
    const large = isLarge()
    // Whoever came while the room was large was never named.
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
    if (!hasChanged) return
    let packet: Packet | undefined
    for (const watcher of watchers.values()) {
      if (behind.has(watcher) || watcher.isFull()) postpone(watcher, before)
      else watcher.send(packet ??= changeSince(before))
    }
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

  return { watchers, isLarge, announce }
}
