// The embedded broker: the same guarantees in one process, for a single instance without Redis.
import { randomUUID } from 'node:crypto'
import { EventEmitter } from 'node:events'
import type { Broker, BrokerEvents, HistoryLimits, Message, StoredUpdate, PresenceEntry, PublishRequest, Retention } from './broker.ts'
import { publicUpdate } from './envelope.ts'
import { createEpochs } from './epochs.ts'
import { RoomcastError } from '../wire/errors.ts'
import type { Receipt } from '../wire/protocol.ts'
import type { RoomKey } from '../wire/rooms.ts'
import type { Settings } from '../settings.ts'

const SWEEP_MS = 1000

interface LogEntry { update: StoredUpdate, bytes: number }

interface Room {
  epoch: string
  offset: number
  log: LogEntry[]
  logExpiresAt: number
  expiresAt: number
}

export interface MemoryBrokerOptions {
  instance: string
  settings: Settings
  now?: () => number
}

export function createMemoryBroker ({ instance, settings, now = Date.now }: MemoryBrokerOptions): Broker {
  const events = new EventEmitter<BrokerEvents>()
  const newEpoch = createEpochs()
  const rooms = new Map<RoomKey, Room>()
  /** Rooms with history, in the order of their newest update: the first was quiet for longest. */
  const logged = new Map<RoomKey, Room>()
  const receipts = new Map<string, { receipt: Receipt, expiresAt: number }>()
  const handlers = new Map<RoomKey, (message: Message) => void>()
  const people = new Map<RoomKey, Map<string, PresenceEntry>>()
  const occupied = new Set<RoomKey>()
  let bytes = 0
  let closed = false
  const retention: Retention = {
    historySize: settings.HISTORY_SIZE,
    historySeconds: settings.HISTORY_TTL_SECONDS,
    roomSeconds: settings.ROOM_TTL_SECONDS
  }
  const sweeper = setInterval(sweep, SWEEP_MS)
  sweeper.unref()

  function open (key: RoomKey, { roomSeconds } = retention): Room {
    const room = rooms.get(key) ?? { epoch: newEpoch(), offset: 0, log: [], logExpiresAt: 0, expiresAt: 0 }
    if (room.log.length > 0 && room.logExpiresAt <= now()) dropLog(key, room)
    room.expiresAt = now() + roomSeconds * 1000
    rooms.set(key, room)
    return room
  }

  function dropLog (key: RoomKey, room: Room): void {
    for (const entry of room.log) bytes -= entry.bytes
    room.log = []
    logged.delete(key)
  }

  function append (key: RoomKey, room: Room, entry: LogEntry, { historySize, historySeconds }: Retention): void {
    room.log.push(entry)
    bytes += entry.bytes
    while (room.log.length > historySize) bytes -= (room.log.shift() as LogEntry).bytes
    room.logExpiresAt = now() + historySeconds * 1000
    logged.delete(key)
    logged.set(key, room)
    for (const [quietKey, quiet] of logged) {
      if (bytes <= settings.EMBEDDED_MAX_BYTES) break
      dropLog(quietKey, quiet)
    }
  }

  function sweep (): void {
    const time = now()
    for (const [key, room] of rooms) {
      if (handlers.has(key)) continue
      if (room.log.length > 0 && room.logExpiresAt <= time) dropLog(key, room)
      if (room.expiresAt > time) continue
      dropLog(key, room)
      rooms.delete(key)
    }
    // Kept in the order they were given, and all for the same time.
    for (const [key, { expiresAt }] of receipts) {
      if (expiresAt > time) break
      receipts.delete(key)
    }
  }

  function assertOpen (): void {
    if (closed) throw new RoomcastError('broker/unavailable')
  }

  async function publish (publication: PublishRequest): Promise<Receipt> {
    assertOpen()
    const { room: key, sub, callerId } = publication
    const keep = publication.retention ?? retention
    const receiptKey = callerId === undefined ? undefined : JSON.stringify([key, sub, callerId])
    const known = receiptKey === undefined ? undefined : receipts.get(receiptKey)
    if (known !== undefined && known.expiresAt > now()) return { ...known.receipt, duplicate: true }

    const fields = copyFields(publication)
    const room = open(key, keep)
    room.offset++
    const stamped = { kind: 'update' as const, epoch: room.epoch, offset: room.offset, publishedAt: now(), ...fields }
    const update: StoredUpdate = { ...stamped, json: JSON.stringify(publicUpdate(key, stamped)), trace: publication.trace }
    append(key, room, { update, bytes: publication.payloadJson.length }, keep)
    const handler = handlers.get(key)
    const receipt: Receipt = { id: update.id, epoch: room.epoch, offset: room.offset, duplicate: false, instances: handler === undefined ? 0 : 1 }
    if (receiptKey !== undefined) {
      receipts.delete(receiptKey)
      if (receipts.size >= settings.EMBEDDED_MAX_RECEIPTS) receipts.delete(receipts.keys().next().value as string)
      receipts.set(receiptKey, { receipt, expiresAt: now() + settings.IDEMPOTENCY_TTL_SECONDS * 1000 })
    }
    handler?.(update)
    return receipt
  }

  async function publishEphemeral (publication: PublishRequest): Promise<Receipt> {
    assertOpen()
    const { room: key } = publication
    const { epoch } = open(key)
    const stamped = { kind: 'ephemeral' as const, epoch, publishedAt: now(), ...copyFields(publication) }
    const handler = handlers.get(key)
    handler?.({ ...stamped, json: JSON.stringify(publicUpdate(key, stamped)) })
    return { id: stamped.id, epoch, offset: null, duplicate: false, instances: handler === undefined ? 0 : 1 }
  }

  async function history (key: RoomKey, since: number, { maxUpdates, maxBytes }: HistoryLimits) {
    assertOpen()
    const { epoch, offset, log } = open(key)
    const updates: StoredUpdate[] = []
    let read = 0
    const first = log.findIndex(entry => entry.update.offset > since)
    for (let i = first; i >= 0 && i < log.length && updates.length < maxUpdates && read < maxBytes; i++) {
      const entry = log[i] as LogEntry
      updates.push(entry.update)
      read += entry.bytes
    }
    return { epoch, offset, oldest: log[0]?.update.offset, updates }
  }

  return {
    instance,
    events,
    publish,
    publishEphemeral,
    history,

    async subscribe (key, onMessage) {
      assertOpen()
      handlers.set(key, onMessage)
    },

    async unsubscribe (key) {
      handlers.delete(key)
    },

    async touch (keys, keep) {
      assertOpen()
      return keys.map(key => {
        const { epoch, offset } = open(key, keep)
        return { epoch, offset }
      })
    },

    async renewEpoch (key, epoch) {
      const room = open(key)
      if (room.epoch !== epoch) return
      dropLog(key, room)
      Object.assign(room, { epoch: newEpoch(), offset: 0 })
    },

    async updatePresence (key, { joined, left }) {
      const present = people.get(key) ?? new Map<string, PresenceEntry>()
      for (const entry of joined) present.set(entry.socketId, entry)
      for (const socketId of left) present.delete(socketId)
      if (present.size > 0) people.set(key, present)
      else people.delete(key)
      handlers.get(key)?.({ kind: 'presence', instance, joined, left })
    },

    async presence (key) {
      return [...people.get(key)?.values() ?? []].map(entry => ({ instance, entry }))
    },

    async forgetPresence () {
      // There is no other instance that could have left anything behind.
    },

    async occupy (key) {
      const isFirst = !occupied.has(key)
      occupied.add(key)
      return isFirst
    },

    async vacate (key) {
      return occupied.delete(key)
    },

    async occupants () {
      return occupied.size > 0 ? [instance] : []
    },

    async vacateAll () {
      return []
    },

    reconnect () {
      // There is no link that could be replaced.
    },

    fault: () => closed ? 'closed' : undefined,

    async close () {
      closed = true
      clearInterval(sweeper)
    }
  }
}

/** What the publisher gave. The payload is a copy, which its caller cannot change. */
function copyFields ({ callerId, event, payloadJson, userId }: PublishRequest) {
  const payload: unknown = JSON.parse(payloadJson)
  return { id: callerId ?? randomUUID(), event, payload, userId }
}
