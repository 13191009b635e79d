// A round: updates of a room on their way to its members. In a big room it takes several turns of the event loop.
import { createBatch, type Batch, type Entry } from './batch.ts'
import type { EphemeralUpdate, StoredUpdate } from '../broker/broker.ts'
import type { Member } from './member.ts'

/** Updates of a room, in order. */
export type Updates = Array<Entry<StoredUpdate | EphemeralUpdate>>

/** What is due to a member. */
export interface Share {
  readonly entries: Updates
  readonly updates: Array<Entry<StoredUpdate>>
  /** Where a member stands that has it; undefined if all of it is ephemeral. */
  readonly position: number | undefined
  readonly whole: Batch
  /** Without the ephemeral ones. */
  readonly stored: Batch
  /** The ephemeral ones alone, if there are any. */
  readonly ephemeral: Batch | undefined
}

export interface Round {
  readonly share: Share
  /** The members that have not been served. */
  readonly left: Iterable<Member>
  /** By members that joined after some of the updates: the index of the first that is due to them. */
  late: Map<Member, number> | undefined
}

export function createShare (entries: Updates): Share {
  const updates = entries.filter(isStored)
  const whole = createBatch(entries)
  const hasEphemeral = updates.length < entries.length
  return {
    entries,
    updates,
    position: updates.at(-1)?.update.offset,
    whole,
    stored: hasEphemeral ? createBatch(updates) : whole,
    ephemeral: hasEphemeral ? createBatch(entries.filter(entry => !isStored(entry))) : undefined
  }
}

function isStored (entry: Updates[number]): entry is Entry<StoredUpdate> {
  return entry.update.kind === 'update'
}
