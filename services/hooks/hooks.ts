// Reports this instance's rooms and members to the broker, and delivers events to the webhook.
import type { Broker } from '../broker/broker.ts'
import { EVENTS } from '../broker/hooks.ts'
import type { Peers } from '../instances/peers.ts'
import type { Log } from '../observe/log.ts'
import type { Metrics } from '../observe/metrics.ts'
import type { Settings } from '../settings.ts'
import { isInternal, type RoomKey } from '../wire/rooms.ts'
import { fieldsOf, roomSubject, type Person } from './events.ts'
import { createLedger } from './ledger.ts'
import { createMembers } from './members.ts'
import { createWebhook } from './webhook.ts'

export interface Hooks {
  /** This instance has members in the room, or has left it. */
  onOccupancy (room: RoomKey, isOccupied: boolean): void
  /** A visible session has joined a room, or has ended. */
  onSession (room: RoomKey, person: Person, isHere: boolean): void
  onBeat (): void
  start (): void
  /** The instance is about to close. From now on, sessions that end may only be moving to another instance. */
  seal (): void
  /** Reports that this instance leaves, and delivers events for at most this time. */
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
      // Internal rooms are not reported.
      if (hasRooms && !isInternal(room)) ledger.change(roomSubject(room), isOccupied ? fieldsOf(room) : undefined)
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
