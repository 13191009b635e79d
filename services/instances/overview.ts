// Pages of what all instances hold: asks all of them and merges their answers.
import { setTimeout as wait } from 'node:timers/promises'
import type { Broker, StoredUpdate } from '../broker/broker.ts'
import { merge, type Several } from './merge.ts'
import type { Log } from '../observe/log.ts'
import { RoomcastError } from '../wire/errors.ts'
import type { StreamPosition } from '../wire/protocol.ts'
import type { Questions } from './questions.ts'
import type { Settings } from '../settings.ts'
import {
  SHOWN_PAYLOAD_CHARACTERS, type InstancesPage, type Parts, type RecentUpdate, type RoomOverview, type RoomPage, type RoomPart, type RoomsPage, type SessionsPage, type Span
} from '../wire/overview.ts'
import { roomKey, roomName, type RoomKey, type RoomName } from '../wire/rooms.ts'

const RECENT_UPDATES = 20
/** The time that the instances have to answer. */
const READ_WITHIN_MS = 900

type Recent = StreamPosition & { updates: RecentUpdate[] }

/** The workspaces that an operator may see; undefined for all. */
export type Reach = string[] | undefined

/** Each resolves within 1 s, and tells whether every live instance has answered. */
export interface Overview {
  rooms (reach: Reach, span: Span): Promise<RoomsPage>
  /**
   * @param caller for whom the newest updates are read
   * @throws RoomcastError `broker/unavailable`: neither the broker nor an instance could tell its position
   */
  room (room: RoomKey, caller: string): Promise<RoomPage>
  sessions (userId: string, reach: Reach, span: Span): Promise<SessionsPage>
  instances (span: Span): Promise<InstancesPage>
}

export function createOverview ({ questions, broker, settings, log }: { questions: Questions, broker: Broker, settings: Settings, log: Log }): Overview {
  return {
    async rooms (reach, span) {
      const { answers, complete } = await questions.ask({ ask: 'rooms', ...limited(reach), ...span })
      const { rows, next } = merge(answers.map(placed), roomKey, span)
      const rooms = rows.map(parts => ({ ...furthest(parts), ...together(parts) }))
      return { at: Date.now(), complete, next, rooms }
    },

    async room (room, caller) {
      const [{ answers, complete }, recent] = await Promise.all([questions.ask({ ask: 'room', room }), recentUpdates(room, caller)])
      const parts = answers.flatMap(answer => placed(answer).rows)
      if (recent === undefined && parts.length === 0) throw new RoomcastError('broker/unavailable', 'The room could not be read: try again in a moment.')
      const { updates, ...position } = recent ?? { updates: [], ...furthest(parts as Several<PlacedRoom>) }
      return { at: Date.now(), complete: complete && recent !== undefined, ...roomName(room), ...position, ...together(parts), updates }
    },

    async sessions (userId, reach, span) {
      const { answers, complete } = await questions.ask({ ask: 'sessions', userId, ...limited(reach), ...span })
      const { rows, next } = merge(answers, ({ id }) => id, span)
      return { at: Date.now(), complete, next, sessions: rows.flat() }
    },

    async instances ({ after, limit }) {
      const { answers, complete, silent } = await questions.ask({ ask: 'instance' })
      const later = answers.flatMap(({ rows }) => rows).filter(({ instance }) => after === undefined || instance > after)
      const { rows, next } = merge([{ rows: later, more: false }], ({ instance }) => instance, { limit })
      return { at: Date.now(), complete, next, instances: rows.flat(), silent }
    }
  }

  /** Undefined if the broker did not answer in time. */
  async function recentUpdates (room: RoomKey, caller: string): Promise<Recent | undefined> {
    const isLate = new AbortController()
    const reading = readRecent(room, caller).catch((error: unknown) => {
      if (!(error instanceof RoomcastError)) throw error
      log.debug({ room, err: error.message }, 'the newest updates could not be read')
      return undefined
    })
    try {
      return await Promise.race([reading, wait(READ_WITHIN_MS, undefined, { signal: isLate.signal })])
    } finally {
      isLate.abort()
    }
  }

  async function readRecent (room: RoomKey, caller: string): Promise<Recent> {
    const { epoch, offset } = await broker.history(room, Number.MAX_SAFE_INTEGER, { maxUpdates: 1, maxBytes: 1 }, caller)
    const updates: RecentUpdate[] = []
    let read = Math.max(0, offset - RECENT_UPDATES)
    // Large updates take more than one read.
    while (read < offset) {
      const kept = await broker.history(room, read, { maxUpdates: RECENT_UPDATES, maxBytes: settings.HISTORY_READ_BYTES }, caller)
      const newer = kept.updates.filter(update => update.offset > read && update.offset <= offset)
      if (kept.epoch !== epoch || newer.length === 0) break
      updates.push(...newer.map(recentUpdate))
      read = newer.at(-1)?.offset ?? offset
    }
    return { epoch, offset, updates: updates.reverse() }
  }
}

function limited (reach: Reach): { workspaces?: string[] } {
  return reach === undefined ? {} : { workspaces: reach }
}

function recentUpdate ({ id, epoch, offset, event, userId, publishedAt, payload }: StoredUpdate): RecentUpdate {
  const text = JSON.stringify(payload)
  const isCut = text.length > SHOWN_PAYLOAD_CHARACTERS
  return { id, epoch, offset, event, userId, publishedAt, payload: isCut ? text.slice(0, SHOWN_PAYLOAD_CHARACTERS) : payload, isCut }
}

// ── Rooms ───────────────────────────────────────────────────────────────────

type PlacedRoom = RoomPart & { instance: string }

function placed ({ instance, rows, more }: Parts['rooms'] & { instance: string }): { rows: PlacedRoom[], more: boolean } {
  return { rows: rows.map(row => ({ ...row, instance })), more }
}

/** Name and position of the room at the instance that is furthest. */
function furthest ([first, ...others]: Several<PlacedRoom>): RoomName & StreamPosition {
  const { workspaceId, appId, epoch, offset } = others.reduce((most, part) => part.offset > most.offset ? part : most, first)
  return { workspaceId, appId, epoch, offset }
}

function together (parts: PlacedRoom[]): Omit<RoomOverview, keyof RoomName | keyof StreamPosition> {
  const sum = (name: 'members' | 'sockets' | 'behind') => parts.reduce((total, part) => total + part[name], 0)
  const instances = parts.filter(({ sockets }) => sockets > 0)
    .map(({ instance, members, sockets, behind, epoch, offset }) => ({ instance, members, sockets, behind, epoch, offset }))
    .sort((a, b) => a.instance < b.instance ? -1 : 1)
  return {
    members: sum('members'),
    sockets: sum('sockets'),
    behind: sum('behind'),
    // Each instance sees all updates; one that joined later has counted fewer.
    updatesPerMinute: Math.max(0, ...parts.map(({ updatesPerMinute }) => updatesPerMinute)),
    instances
  }
}
