// The embedded broker: the same guarantees within one process, for a single instance without Redis.
import { randomUUID } from 'node:crypto'
import { EventEmitter } from 'node:events'
import type { Broker, BrokerEvents, HistoryLimits, Message, StoredUpdate, PresenceEntry, PublishRequest } from './broker.ts'
import { publicUpdate } from './envelope.ts'
import { createMemoryHooks } from './memory-hooks.ts'
import { createMemoryRooms } from './memory-rooms.ts'
import { RoomcastError } from '../wire/errors.ts'
import type { Metrics } from '../observe/metrics.ts'
import type { Receipt, StreamPosition } from '../wire/protocol.ts'
import { defaultRetention } from './retention.ts'
import type { RoomKey } from '../wire/rooms.ts'
import type { Settings } from '../settings.ts'

const SWEEP_MS = 1000

export interface MemoryBrokerOptions {
  instance: string
  settings: Settings
  metrics: Metrics
  now?: () => number
}

export function createMemoryBroker ({ instance, settings, metrics, now = Date.now }: MemoryBrokerOptions): Broker {
  const events = new EventEmitter<BrokerEvents>()
  const receipts = new Map<string, { receipt: Receipt, expiresAt: number }>()
  const handlers = new Map<RoomKey, (message: Message) => void>()
  const people = new Map<RoomKey, Map<string, PresenceEntry>>()
  let closed = false
  const retention = defaultRetention(settings)
  const rooms = createMemoryRooms({ settings, metrics, isFollowed: key => handlers.has(key), now })
  const sweeper = setInterval(sweep, SWEEP_MS)
  sweeper.unref()

  function sweep (): void {
    rooms.sweep()
    const time = now()
    // Receipts are in the order of their creation, and all live equally long.
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
    const update = rooms.append(key, keep, publication.payloadJson.length, (epoch, offset) => {
      const stamped = { kind: 'update' as const, epoch, offset, publishedAt: now(), ...fields }
      return { ...stamped, json: JSON.stringify(publicUpdate(key, stamped)), trace: publication.trace }
    })
    const handler = handlers.get(key)
    const receipt: Receipt = { id: update.id, epoch: update.epoch, offset: update.offset, duplicate: false, instances: handler === undefined ? 0 : 1 }
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
    const { epoch } = rooms.use(key, retention)
    const stamped = { kind: 'ephemeral' as const, epoch, publishedAt: now(), ...copyFields(publication) }
    const handler = handlers.get(key)
    handler?.({ ...stamped, json: JSON.stringify(publicUpdate(key, stamped)) })
    return { id: stamped.id, epoch, offset: null, duplicate: false, instances: handler === undefined ? 0 : 1 }
  }

  async function history (key: RoomKey, since: number, { maxUpdates, maxBytes }: HistoryLimits) {
    assertOpen()
    const { epoch, offset, log } = rooms.look(key)
    const updates: StoredUpdate[] = []
    let read = 0
    for (const { update, bytes } of log) {
      if (update.offset <= since) continue
      if (updates.length >= maxUpdates || read >= maxBytes) break
      updates.push(update)
      read += bytes
    }
    return { epoch, offset, oldest: log[0]?.update.offset, updates }
  }

  async function touch (keys: RoomKey[], keep = retention): Promise<StreamPosition[]> {
    assertOpen()
    return keys.map(key => {
      const { epoch, offset } = rooms.use(key, keep)
      return { epoch, offset }
    })
  }

  return {
    instance,
    events,
    hooks: createMemoryHooks({ settings, now }),
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

    touch,
    positions: touch,

    async renewEpoch (key, epoch) {
      if (rooms.use(key, retention).epoch === epoch) rooms.renew(key)
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
      // No other instance exists that could have left anything behind.
    },

    reconnect () {
      // There is no link to replace.
    },

    fault: () => closed ? 'closed' : undefined,

    async close () {
      closed = true
      clearInterval(sweeper)
    }
  }
}

/** The publisher's fields. The payload is a copy, so that its caller cannot change it later. */
function copyFields ({ callerId, event, payloadJson, userId }: PublishRequest) {
  const payload: unknown = JSON.parse(payloadJson)
  return { id: callerId ?? randomUUID(), event, payload, userId }
}
