// What the backend is told, and what it is still to be told: the interface of the brokers, and the guarantees that both give.

/** Of what the backend is told that it begins and ends: a room that has members (`room KEY`), a user in a room (`member KEY USER`). */
export type Subject = string

/** By kind of subject: what the backend is told when one begins, and when it ends. */
export const EVENTS = {
  room: ['room.occupied', 'room.vacated'],
  member: ['member.joined', 'member.left']
} as const

/** What one instance holds, or holds no more. */
export interface HookChange {
  subject: Subject
  isHeld: boolean
  /** The id of the stay that the backend was told of, as far as this instance knows. */
  stay: string | undefined
  /** The backend has been given that. */
  isDelivered: boolean
  /** What its events say besides id, name and time: members of a JSON object. */
  fields: string
}

export interface HookReport {
  /** The name under which an instance reports; a new one when the broker has lost something, or has taken it for dead. */
  teller: string
  /** 1, 2, 3 … The same again executes nothing, and gets the same answer. */
  number: number
  changes: HookChange[]
  /** Takes a teller that is gone out of all that it holds, in pieces; its own name: it leaves. */
  retire?: string | undefined
}

export interface HookState {
  outcome: 'told'
  /** For each change, the stay of which the backend is told; `-` for none, or none yet. */
  stays: string[]
  /** When what was reported is decided, whatever other instances still have to say. Times are the broker's. */
  decidedAt: number
  /** The backend has been given what was decided before this time. */
  deliveredBefore: number
  /** Events that wait to be delivered. */
  waiting: number
  /** Events that were dropped, since more waited than may. */
  dropped: number
  /** When to report again, since something becomes due; negative where nothing does. */
  dueInMs: number
  /** Tellers that have not reported for LEASE_MS. */
  silent: string[]
  /** Whoever is retired holds nothing any more. */
  isRetired: boolean
}

/** `gone`: this teller was retired by another. `lost`: the broker has not got its last report. Nothing was executed. */
export type HookAnswer = HookState | { outcome: 'gone' | 'lost' }

export interface HookBatch {
  /** The last of its events. */
  last: string
  /** The events as JSON, in their order. */
  events: string[]
}

/**
 * One place decides what is an event: the first instance that holds a subject begins a stay, the last that holds it no more
 * ends it, in one step with the event that waits for delivery. So a change is one event with one id, in one order, however
 * often it is reported and by whomever it is delivered.
 */
export interface HookBroker {
  /** @throws RoomcastError `broker/unavailable`, `broker/timeout`: report the same again */
  report (report: HookReport): Promise<HookAnswer>
  /**
   * What is to be delivered next, to one instance for so long: the same batch until it is taken, whoever asks. Undefined
   * where nothing waits, or another instance delivers.
   */
  claim (leaseMs: number): Promise<HookBatch | undefined>
  /** The backend has taken a batch. */
  taken (last: string): Promise<{ delivered: number, waiting: number }>
  /** This instance delivers no more. @returns how many events are lost with it */
  abandon (): Promise<number>
}
