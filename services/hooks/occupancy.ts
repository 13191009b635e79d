// Detects when a room gets its first member over all instances, and when it loses its last.
import type { Broker } from '../broker/broker.ts'
import type { Peers } from '../instances/peers.ts'
import type { Log } from '../observe/log.ts'
import type { RoomKey } from '../wire/rooms.ts'

/** All occupied rooms are reported again after this many heartbeats, in case the broker lost them. */
const BEATS_BETWEEN_SYNCS = 5
const ROOMS_AT_ONCE = 100

export interface Occupancy {
  /** Records that a room has members on this instance, or has none any more. */
  change (room: RoomKey, isOccupied: boolean): void
  onBeat (): void
  /** Resolves when all changes have been reported to the broker. */
  close (): Promise<void>
}

export function createOccupancy ({ broker, peers, log, onChange }: {
  broker: Broker
  peers: Peers
  log: Log
  /** Called on one instance only, for each change. */
  onChange: (room: RoomKey, event: 'occupied' | 'vacated') => void
}): Occupancy {
  const occupied = new Set<RoomKey>()
  /** Rooms whose changes must be reported to the broker, in order. */
  const pendingChanges = new Set<RoomKey>()
  let beats = 0
  let telling: Promise<void> | undefined

  function change (room: RoomKey, isOccupied: boolean): void {
    if (room.startsWith('$') || occupied.has(room) === isOccupied) return
    if (isOccupied) occupied.add(room)
    else occupied.delete(room)
    pendingChanges.add(room)
    void announce()
  }

  function announce (): Promise<void> {
    telling ??= tellAll()
      .catch((error: Error) => log.debug({ err: error.message }, 'could not report occupancy; will retry with a later heartbeat'))
      .finally(() => { telling = undefined })
    return telling
  }

  /** Reports several rooms at once, but the changes of one room in order. */
  async function tellAll (): Promise<void> {
    while (pendingChanges.size > 0) {
      const rooms = [...pendingChanges].slice(0, ROOMS_AT_ONCE)
      const outcomes = await Promise.allSettled(rooms.map(tell))
      const failed = outcomes.find(outcome => outcome.status === 'rejected')
      if (failed !== undefined) throw failed.reason
    }
  }

  async function tell (room: RoomKey): Promise<void> {
    // Remove it first: a change that arrives meanwhile adds it again.
    pendingChanges.delete(room)
    const isOccupied = occupied.has(room)
    try {
      const isChange = isOccupied ? await broker.occupy(room) : await broker.vacate(room)
      if (isChange) onChange(room, isOccupied ? 'occupied' : 'vacated')
    } catch (error) {
      pendingChanges.add(room)
      throw error
    }
  }

  async function takeOutSilent (): Promise<void> {
    for (const instance of await broker.occupants()) {
      if (peers.isAlive(instance)) continue
      for (const room of await broker.vacateAll(instance)) onChange(room, 'vacated')
    }
  }

  return {
    change,
    onBeat () {
      beats++
      if (beats % BEATS_BETWEEN_SYNCS === 0) for (const room of occupied) pendingChanges.add(room)
      void announce()
      takeOutSilent().catch((error: Error) => log.debug({ err: error.message }, 'could not look for silent instances'))
    },
    async close () {
      await telling
      await announce()
    }
  }
}
