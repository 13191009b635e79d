// The rooms of the embedded broker: their positions and histories, in memory and within the limits.
import type { StoredUpdate } from './broker.ts'
import { createEpochs } from './epochs.ts'
import { countLimit } from '../observe/limits.ts'
import type { Metrics } from '../observe/metrics.ts'
import { emptyRoomSeconds, type Retention } from './retention.ts'
import type { RoomKey } from '../wire/rooms.ts'
import type { Settings } from '../settings.ts'

interface LogEntry { update: StoredUpdate, bytes: number }

export interface MemoryRoom {
  readonly epoch: string
  readonly offset: number
  readonly log: readonly LogEntry[]
}

interface Room {
  epoch: string
  offset: number
  log: LogEntry[]
  logExpiresAt: number
  expiresAt: number
}

export interface MemoryRooms {
  /** The room, for a caller that uses it. Creates a missing room and renews the room's life. */
  use (key: RoomKey, retention: Retention): MemoryRoom
  /** The room, for a caller that only reads. A room created for this lives READ_ROOM_TTL_SECONDS. */
  look (key: RoomKey): MemoryRoom
  /** Appends an update at the next offset. @param complete builds the update for its epoch and offset */
  append (key: RoomKey, retention: Retention, bytes: number, complete: (epoch: string, offset: number) => StoredUpdate): StoredUpdate
  /** Starts a new epoch without a past. */
  renew (key: RoomKey): void
  /** Deletes expired rooms and histories. */
  sweep (): void
}

export function createMemoryRooms ({ settings, metrics, isFollowed, now }: {
  settings: Settings
  metrics: Metrics
  /** Whether the room has a subscriber here; then it is kept. */
  isFollowed: (key: RoomKey) => boolean
  now: () => number
}): MemoryRooms {
  const newEpoch = createEpochs()
  /** Least recently used first. */
  const used = new Map<RoomKey, Room>()
  /** Rooms that were only read. */
  const onlyRead = new Map<RoomKey, Room>()
  /** Rooms with history; the room whose newest update is the oldest comes first. */
  const logged = new Map<RoomKey, Room>()
  let bytes = 0

  function find (key: RoomKey): Room | undefined {
    const room = used.get(key) ?? onlyRead.get(key)
    if (room !== undefined && room.log.length > 0 && room.logExpiresAt <= now()) dropLog(key, room)
    return room
  }

  function newRoom (): Room {
    return { epoch: newEpoch(), offset: 0, log: [], logExpiresAt: 0, expiresAt: 0 }
  }

  function take (key: RoomKey): Room {
    const room = find(key) ?? newRoom()
    onlyRead.delete(key)
    // Move it to the end: it is the most recently used.
    used.delete(key)
    used.set(key, room)
    if (used.size > settings.EMBEDDED_MAX_ROOMS) dropLongestUnused()
    return room
  }

  function renewLife (room: Room, retention: Retention): void {
    room.expiresAt = now() + (room.offset > 0 ? retention.roomSeconds : emptyRoomSeconds(retention)) * 1000
  }

  /** Keeps followed rooms, of which there are at most MAX_ROOMS, and the last one, which is in use right now. */
  function dropLongestUnused (): void {
    let left = used.size - 1
    for (const [key, room] of used) {
      if (used.size <= settings.EMBEDDED_MAX_ROOMS || left-- === 0) return
      used.delete(key)
      if (isFollowed(key)) {
        used.set(key, room)
      } else {
        dropLog(key, room)
        countLimit(metrics, 'embedded-rooms')
      }
    }
  }

  function dropLog (key: RoomKey, room: Room): void {
    for (const entry of room.log) bytes -= entry.bytes
    room.log = []
    logged.delete(key)
  }

  return {
    use (key, retention) {
      const room = take(key)
      renewLife(room, retention)
      return room
    },

    look (key) {
      const known = find(key)
      if (known !== undefined) return known
      const room = newRoom()
      room.expiresAt = now() + settings.READ_ROOM_TTL_SECONDS * 1000
      onlyRead.set(key, room)
      if (onlyRead.size > settings.EMBEDDED_MAX_ROOMS) {
        onlyRead.delete(onlyRead.keys().next().value as RoomKey)
        countLimit(metrics, 'embedded-rooms')
      }
      return room
    },

    append (key, retention, size, complete) {
      const room = take(key)
      room.offset++
      const update = complete(room.epoch, room.offset)
      renewLife(room, retention)
      room.log.push({ update, bytes: size })
      bytes += size
      while (room.log.length > retention.historySize) bytes -= (room.log.shift() as LogEntry).bytes
      room.logExpiresAt = now() + retention.historySeconds * 1000
      logged.delete(key)
      logged.set(key, room)
      for (const [quietKey, quiet] of logged) {
        if (bytes <= settings.EMBEDDED_MAX_BYTES) break
        dropLog(quietKey, quiet)
      }
      return update
    },

    renew (key) {
      const room = take(key)
      dropLog(key, room)
      room.epoch = newEpoch()
      room.offset = 0
    },

    sweep () {
      const time = now()
      for (const [key, { expiresAt }] of onlyRead) {
        if (expiresAt > time) break
        onlyRead.delete(key)
      }
      for (const [key, room] of used) {
        if (isFollowed(key)) continue
        if (room.log.length > 0 && room.logExpiresAt <= time) dropLog(key, room)
        if (room.expiresAt > time) continue
        dropLog(key, room)
        used.delete(key)
      }
    }
  }
}
