// What the webhook reports: the interface of both brokers, and its guarantees.

/** A thing whose beginning and end are events: a room with members (`room KEY`), or a user in a room (`member KEY USER`). */
export type Subject = string

/** The events of the beginning and the end, by kind of subject. */
export const EVENTS = {
  room: ['room.occupied', 'room.vacated'],
  member: ['member.joined', 'member.left']
} as const

/** An instance holds a subject, or no longer does. */
export interface HookChange {
  subject: Subject
  isHeld: boolean
  /** The id of the announced stay, as far as this instance knows it. A stay is the time from the beginning to the end. */
  stay: string | undefined
  /** The event of its beginning has been delivered. */
  isDelivered: boolean
  /** The further fields of its events, as members of a JSON object. */
  fields: string
}

export interface HookReport {
  /** The name under which an instance reports. It takes a new one after the broker lost a report or retired the old name. */
  teller: string
  /** 1, 2, 3 … A repeated report executes nothing and gets the same answer. */
  number: number
  changes: HookChange[]
  /** Releases all subjects of a dead teller, some with each report. With its own name, the teller leaves. */
  retire?: string | undefined
}

export interface HookState {
  outcome: 'told'
  /** The announced stay for each change; `-` if there is none, or none yet. */
  stays: string[]
  /** When the broker decides on these changes, at the latest. All times are the broker's. */
  decidedAt: number
  /** Events before this time have been delivered. */
  deliveredBefore: number
  /** The number of events that wait for delivery. */
  waiting: number
  /** The number of events that were dropped because the queue was full. */
  dropped: number
  /** When the next decision is due; negative if none is. */
  dueInMs: number
  /** Some of the tellers that have been silent for LEASE_MS. */
  silent: string[]
  /** The retired teller holds nothing any more. */
  isRetired: boolean
}

/** `gone`: another instance retired this teller. `lost`: the broker no longer has its last report. In both cases nothing was executed. */
export type HookAnswer = HookState | { outcome: 'gone' | 'lost' }

export interface HookBatch {
  /** The id of its last event. */
  last: string
  /** The events as JSON, in order. */
  events: string[]
}

/**
 * The broker decides on events. The first instance that holds a subject begins a stay, the last one that releases it ends the
 * stay, and the same atomic step queues the event. So each change is one event with one id, in order, no matter how often it
 * is reported or which instance delivers it.
 */
export interface HookBroker {
  /** @throws RoomcastError `broker/unavailable`, `broker/timeout`: repeat the same report */
  report (report: HookReport): Promise<HookAnswer>
  /**
   * The next batch to deliver, leased to one instance. It stays the same until it was taken, also for another instance.
   * Undefined if no event waits or another instance has the lease.
   */
  claim (leaseMs: number): Promise<HookBatch | undefined>
  /** The receiver has accepted a batch. */
  taken (last: string): Promise<{ delivered: number, waiting: number }>
  /** This instance stops delivering. @returns the number of events that are lost with it */
  abandon (): Promise<number>
}
