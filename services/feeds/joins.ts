// Joins of a feed: decides whether `since` can be recovered, and lets the member in at the right position.
import type { Cursor } from './cursor.ts'
import type { Member } from './member.ts'
import type { Metrics } from '../observe/metrics.ts'
import type { StreamPosition, SubscribeResult } from '../wire/protocol.ts'
import { isRecoverable } from './recovery.ts'
import type { Relay } from './relay.ts'
import type { Repair } from './repair.ts'
import type { Replay } from './replay.ts'
import { RoomcastError } from '../wire/errors.ts'

export interface Joins {
  /** The number of members that are joining. The feed must not be closed meanwhile. */
  size (): number
  /** As `join` of a feed. */
  join (member: Member, since: StreamPosition | undefined, answer: (joined: SubscribeResult) => void): Promise<void>
}

export function createJoins ({ cursor, isOpen, repair, replay, relay, onEnd, metrics }: {
  cursor: Cursor
  isOpen: () => boolean
  repair: Repair
  replay: Replay
  relay: Relay
  /** Called after each join, successful or not. */
  onEnd: () => void
  metrics: Metrics
}): Joins {
  let joining = 0

  async function join (member: Member, since: StreamPosition | undefined, answer: (joined: SubscribeResult) => void): Promise<void> {
    joining++
    try {
      const recovered = since !== undefined && (isInMemory(since) || await isKept(since, member.caller)) && isReached(since)
      if (!isOpen()) throw new RoomcastError('broker/unavailable', 'The room was closed during the SUBSCRIBE: subscribe again.')
      enter(member, recovered ? cursor.offset - since.offset : 0, recovered, answer)
      if (since !== undefined) metrics.recoveries.inc({ outcome: recovered ? 'recovered' : 'insufficient' })
    } finally {
      joining--
      onEnd()
    }
  }

  /** One synchronous step, so that no update comes between the answer and the membership. */
  function enter (member: Member, missed: number, recovered: boolean, answer: (joined: SubscribeResult) => void): void {
    relay.flush()
    // The answer may tell where the member stands.
    member.position = cursor.offset - missed
    answer({ ...cursor.position(), recovered, missed })
    if (missed === 0) relay.join(member)
    else replay.add(member)
  }

  /** Whether the feed has everything after `since` in memory, and is not behind it. */
  function isInMemory (since: StreamPosition): boolean {
    return isReached(since) && (since.offset === cursor.offset || replay.reaches(since.offset + 1))
  }

  function isReached (since: StreamPosition): boolean {
    return since.epoch === cursor.epoch && since.offset <= cursor.offset
  }

  /** Whether the broker still has everything after `since`. Brings the feed up to `since` if it is behind. */
  async function isKept (since: StreamPosition, caller: string | undefined): Promise<boolean> {
    const read = () => replay.read(since.epoch === cursor.epoch ? since.offset : undefined, caller)
    let found = await read()
    if (found.epoch !== cursor.epoch) {
      await repair.recheck()
      found = await read()
      if (found.epoch !== cursor.epoch) throw new RoomcastError('broker/unavailable', 'The room is starting a new epoch: subscribe again.')
    }
    if (!isRecoverable(since, found)) return false
    if (isAhead(since)) {
      cursor.sawAhead(since.offset)
      await repair.fill('recovery')
      if (isAhead(since)) throw new RoomcastError('broker/unavailable', 'This instance could not catch up with the room: subscribe again.')
    }
    return true
  }

  function isAhead (since: StreamPosition): boolean {
    return since.epoch === cursor.epoch && since.offset > cursor.offset
  }

  return { size: () => joining, join }
}
