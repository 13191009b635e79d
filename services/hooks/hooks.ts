// What the backend is told of this instance's rooms and members, and the webhook that tells it.
import type { Broker } from '../broker/broker.ts'
import { EVENTS } from '../broker/hooks.ts'
import type { Peers } from '../instances/peers.ts'
import type { Log } from '../observe/log.ts'
import type { Metrics } from '../observe/metrics.ts'
import type { Settings } from '../settings.ts'
import type { RoomKey } from '../wire/rooms.ts'
import { fieldsOf, roomSubject, type Person } from './events.ts'
import { createLedger } from './ledger.ts'
import { createMembers } from './members.ts'
import { createWebhook } from './webhook.ts'

export interface Hooks {
  /** Members of this instance came to a room, or have been gone for good. */
  onOccupancy (room: RoomKey, isOccupied: boolean): void
  /** A session that is seen in a room came, or has been gone for good. */
  onSession (room: RoomKey, person: Person, isHere: boolean): void
  onBeat (): void
  start (): void
  /** The instance is about to close: what ends from now on may only have moved to another. */
  seal (): void
  /** Tells that this instance is gone, and delivers what can be within this time. */
  close (withinMs: number): Promise<void>
}

export function createHooks ({ broker, peers, settings, metrics, log }: {
  broker: Broker, peers: Pick<Peers, 'isAlive'>, settings: Settings, metrics: Metrics, log: Log
}): Hooks {
  const told = settings.WEBHOOK_EVENTS.split(',')
  const isTold = (kind: keyof typeof EVENTS) => EVENTS[kind].some(name => told.includes(name))
  const [hasRooms, hasMembers] = [isTold('room'), isTold('member')]
  const webhook = createWebhook({ queue: broker.hooks, settings, metrics, log })
  const ledger = createLedger({ broker, peers, settings, log, onState: webhook.onState })
  const members = createMembers({
    onFirst: (subject, room, { userId, displayName }) => ledger.change(subject, fieldsOf(room, { userId, displayName })),
    onLast: subject => ledger.change(subject, undefined)
  })

  return {
    onOccupancy (room, isOccupied) {
      // Rooms of the service itself are nobody's.
      if (hasRooms && !room.startsWith('$')) ledger.change(roomSubject(room), isOccupied ? fieldsOf(room) : undefined)
    },
    onSession (room, person, isHere) {
      if (hasMembers) members.change(room, person, isHere)
    },
    onBeat: ledger.onBeat,
    start: ledger.start,
    seal: ledger.seal,
    async close (withinMs) {
      const startedAt = performance.now()
      await ledger.close()
      await webhook.close(withinMs - (performance.now() - startedAt))
    }
  }
}
