// Rooms that come and go: notices when a room got its first member over all instances, and when it has lost its last.
import type { Broker } from '../broker/broker.ts'
import type { Peers } from '../instances/peers.ts'
import type { Log } from '../observe/log.ts'
import { isInternal, type RoomKey } from '../wire/rooms.ts'

/** Every so many heartbeats everything is said again: the broker may have forgotten, or taken us for dead. */
const BEATS_BETWEEN_SYNCS = 5
const ROOMS_AT_ONCE = 100

export interface Occupancy {
  /** Members of this instance came to a room, or have been gone for good. */
  change (room: RoomKey, isOccupied: boolean): void
  onBeat (): void
  /** Resolves when the broker was told what there was to tell. */
  close (): Promise<void>
}

export function createOccupancy ({ broker, peers, log, onChange }: {
  broker: Broker
  peers: Peers
  log: Log
  /** Called on one instance only. */
  onChange: (room: RoomKey, event: 'occupied' | 'vacated') => void
}): Occupancy {
  const occupied = new Set<RoomKey>()
  /** Rooms about which the broker has to be told, in the order of their changes. */
  const pendingChanges = new Set<RoomKey>()
  let beats = 0
  let telling: Promise<void> | undefined

  function change (room: RoomKey, isOccupied: boolean): void {
    if (isInternal(room) || occupied.has(room) === isOccupied) return
    if (isOccupied) occupied.add(room)
    else occupied.delete(room)
    pendingChanges.add(room)
    void announce()
  }

  function announce (): Promise<void> {
    telling ??= tellAll()
      .catch((error: Error) => log.debug({ err: error.message }, 'occupancy was not told; again with a later heartbeat'))
      .finally(() => { telling = undefined })
    return telling
  }

  /** Several rooms at once, but one room's changes one after the other: it is told in that order that it comes and goes. */
  async function tellAll (): Promise<void> {
    while (pendingChanges.size > 0) {
      const rooms = [...pendingChanges].slice(0, ROOMS_AT_ONCE)
      const outcomes = await Promise.allSettled(rooms.map(tell))
      const failed = outcomes.find(outcome => outcome.status === 'rejected')
      if (failed !== undefined) throw failed.reason
    }
  }

  async function tell (room: RoomKey): Promise<void> {
    // Off the list first: a change that comes meanwhile puts it on again.
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
      takeOutSilent().catch((error: Error) => log.debug({ err: error.message }, 'silent instances were not looked for'))
    },
    async close () {
      await telling
      await announce()
    }
  }
}
