// Decides what leaves when. Updates that arrive within one turn of the event loop leave together, in one buffer for all
// members, and before anything else that a connection is sent. Members of a big room are served over several turns.
import type { Batch } from './batch.ts'
import type { Member } from './member.ts'
import type { Metrics } from '../observe/metrics.ts'
import { createPace } from './pace.ts'
import { createShare, type Round, type Share, type Updates } from './round.ts'
import type { RoomKey } from '../wire/rooms.ts'
import { traceRelay } from '../observe/tracing.ts'
import type { Turn } from './turn.ts'

/**
 * The live members of a room. A member gets what is added between its joining and its leaving, in order. In a big room its
 * turn may come later: until then it stands at its own position, and whatever else it is sent comes first.
 */
export interface Relay {
  size (): number
  /** Adds the next update or an ephemeral one. It leaves at the end of this turn, or after the updates that are on their way. */
  add (entry: Updates[number]): void
  /** Adds a member that has everything so far. */
  join (member: Member): void
  /** Removes a member. In a big room it may not have got the last updates: it goes on from its own position, if anywhere. */
  leave (member: Member): void
  members (): Iterable<Member>
  clear (): void
  /** Sends the collected updates now. */
  flush (): void
  /** Updates that left in about the last minute, ephemeral ones included. */
  updatesPerMinute (): number
}

export function createRelay ({ room, turn, maxBytes, membersPerTurn, behind, demote, size, metrics }: {
  room: RoomKey
  turn: Turn
  /** The most bytes of the updates of a batch, unless a single one is larger. */
  maxBytes: number
  /** The most members that are served in one turn. */
  membersPerTurn: number
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
  let collected: Updates = []
  let bytes = 0
  /** As `late` of a round, for the collected updates. */
  let late: Round['late']
  let round: Round | undefined

  function flush (): void {
    // What is collected during a round leaves after it, in one batch.
    if (collected.length === 0 || round !== undefined) return
    const share = createShare(collected)
    const { entries, ephemeral } = share
    round = { share, left: live.values(), late }
    collected = []
    bytes = 0
    late = undefined
    pace.add(entries.length)
    if (ephemeral !== undefined) for (const member of behind()) if (canTake(member, ephemeral)) member.deliver(ephemeral)
    serve(round, live.size > membersPerTurn ? membersPerTurn : Infinity)
  }

  function serve (current: Round, most: number): void {
    const { share, left } = current
    let served = 0
    let delivered = 0
    for (const member of left) {
      const from = current.late?.get(member)
      delivered += give(member, from === undefined ? share : createShare(share.entries.slice(from)))
      if (++served === most) break
    }
    if (delivered > 0) metrics.delivered.inc(delivered)
    if (served === most) setImmediate(goOn, current)
    else end(share)
  }

  function goOn (current: Round): void {
    if (round === current) serve(current, membersPerTurn)
  }

  /** @returns how many updates that are not ephemeral were delivered */
  function give (member: Member, { entries, updates, position, ephemeral, whole, stored }: Share): number {
    if (entries.length === 0) return 0
    if (position !== undefined && member.isFull()) {
      live.delete(member)
      demote(member)
      return 0
    }
    const batch = ephemeral === undefined || canTake(member, ephemeral) ? whole : stored
    if (batch.entries.length > 0) member.deliver(batch)
    if (position !== undefined) member.position = position
    return updates.length
  }

  function canTake (member: Member, { entries }: Batch): boolean {
    if (!member.isLagging()) return true
    metrics.dropped.inc({ reason: 'lagging socket' }, entries.length)
    return false
  }

  function end ({ updates, ephemeral }: Share): void {
    round = undefined
    if (ephemeral !== undefined) metrics.relayed.inc({ kind: 'ephemeral' }, ephemeral.entries.length)
    if (updates.length > 0) metrics.relayed.inc({ kind: 'update' }, updates.length)
    for (const { update } of updates) {
      metrics.lagSeconds.observe(Math.max(0, Date.now() - update.publishedAt) / 1000)
      if (update.trace !== undefined) traceRelay(room, update, size())
    }
    if (collected.length > 0) setImmediate(flush)
  }

  return {
    size: () => live.size,

    add (entry) {
      if (bytes + entry.bytes > maxBytes) {
        // The broker is read no faster than the members are served.
        if (round !== undefined) serve(round, Infinity)
        flush()
      }
      if (collected.length === 0) turn.atEnd(flush)
      collected.push(entry)
      bytes += entry.bytes
    },

    join (member) {
      flush()
      if (round !== undefined) {
        round.late ??= new Map()
        round.late.set(member, round.share.entries.length)
        if (collected.length > 0) {
          late ??= new Map()
          late.set(member, collected.length)
        }
      }
      live.add(member)
    },

    leave (member) {
      flush()
      live.delete(member)
    },

    members: () => live,

    clear () {
      flush()
      round = undefined
      collected = []
      bytes = 0
      late = undefined
      live.clear()
    },

    flush,
    updatesPerMinute: () => pace.perMinute()
  }
}
