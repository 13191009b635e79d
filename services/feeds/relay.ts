// Decides what leaves when. Updates of a room that arrive within one turn of the event loop leave together, in one buffer
// shared by all members, and before anything else that a connection is sent in that turn.
import { createBatch, type Batch, type Entry } from './batch.ts'
import type { EphemeralUpdate, StoredUpdate } from '../broker/broker.ts'
import type { Member } from './member.ts'
import type { Metrics } from '../observe/metrics.ts'
import { createPace } from './pace.ts'
import type { RoomKey } from '../wire/rooms.ts'
import { traceRelay } from '../observe/tracing.ts'
import type { Turn } from './turn.ts'

/** The live members of a room. Before a change of members, collected updates are sent to the earlier members. */
export interface Relay {
  size (): number
  /** Adds the next update or an ephemeral one. It leaves at the end of this turn. */
  add (entry: Entry<StoredUpdate | EphemeralUpdate>): void
  /** Adds a member that has everything so far. */
  join (member: Member): void
  leave (member: Member): void
  members (): Iterable<Member>
  clear (): void
  /** Sends the collected updates now. */
  flush (): void
  /** Updates that left in about the last minute, ephemeral ones included. */
  updatesPerMinute (): number
}

export function createRelay ({ room, turn, maxBytes, behind, demote, size, metrics }: {
  room: RoomKey
  turn: Turn
  /** The most bytes of the updates of a batch, unless a single one is larger. */
  maxBytes: number
  /** Members in replay. They get ephemeral updates too. */
  behind: () => Iterable<Member>
  /** Moves a live member with a full send buffer to replay, at its own position. */
  demote: (member: Member) => void
  /** The number of members, for traces. */
  size: () => number
  metrics: Metrics
}): Relay {
  const live = new Set<Member>()
  const pace = createPace()
  let collected: Array<Entry<StoredUpdate | EphemeralUpdate>> = []
  let bytes = 0

  function flush (): void {
    if (collected.length === 0) return
    const entries = collected
    collected = []
    bytes = 0
    pace.add(entries.length)
    const updates = entries.filter(isStored)
    const ephemeral = entries.filter(entry => !isStored(entry))
    const whole = createBatch(entries)
    if (ephemeral.length === 0) return relay(updates, () => whole)
    const parts = { updates: createBatch(updates), ephemeral: createBatch(ephemeral) }
    for (const member of behind()) if (canTakeEphemeral(member, ephemeral.length)) member.deliver(parts.ephemeral)
    relay(updates, member => canTakeEphemeral(member, ephemeral.length) ? whole : parts.updates)
    metrics.relayed.inc({ kind: 'ephemeral' }, ephemeral.length)
  }

  function relay (updates: Array<Entry<StoredUpdate>>, batchFor: (member: Member) => Batch): void {
    const position = updates.at(-1)?.update.offset
    let members = 0
    for (const member of live) {
      if (position !== undefined && member.isFull()) {
        live.delete(member)
        demote(member)
        continue
      }
      const batch = batchFor(member)
      if (batch.entries.length > 0) member.deliver(batch)
      if (position !== undefined) member.position = position
      members++
    }
    countRelayed(updates, members)
  }

  function canTakeEphemeral (member: Member, updates: number): boolean {
    if (!member.isLagging()) return true
    metrics.dropped.inc({ reason: 'lagging socket' }, updates)
    return false
  }

  function countRelayed (updates: Array<Entry<StoredUpdate>>, members: number): void {
    if (updates.length === 0) return
    metrics.delivered.inc(updates.length * members)
    metrics.relayed.inc({ kind: 'update' }, updates.length)
    for (const { update } of updates) {
      metrics.lagSeconds.observe(Math.max(0, Date.now() - update.publishedAt) / 1000)
      if (update.trace !== undefined) traceRelay(room, update, size())
    }
  }

  return {
    size: () => live.size,

    add (entry) {
      if (bytes + entry.bytes > maxBytes) flush()
      if (collected.length === 0) turn.atEnd(flush)
      collected.push(entry)
      bytes += entry.bytes
    },

    join (member) {
      flush()
      live.add(member)
    },

    leave (member) {
      flush()
      live.delete(member)
    },

    members: () => live,

    clear () {
      flush()
      live.clear()
    },

    flush,
    updatesPerMinute: () => pace.perMinute()
  }
}

function isStored (entry: Entry<StoredUpdate | EphemeralUpdate>): entry is Entry<StoredUpdate> {
  return entry.update.kind === 'update'
}
