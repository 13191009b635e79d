// What an instance knows of who is in one room: from one snapshot of the broker, and from all changes since.
import { performance } from 'node:perf_hooks'
import type { Socket } from 'socket.io'
import type { PresenceDelta, PresenceSnapshot } from '../broker/broker.ts'
import type { PresenceSessions } from './collaborators.ts'
import type { Collaborator } from '../wire/protocol.ts'

export interface View {
  /** Sockets of this instance that are seen in the room. */
  own: PresenceSessions
  /** By socket id, what the broker has of us, as text; empty where that is in doubt. */
  stored: Map<string, string>
  /** Whoever of this instance sees the others. */
  watchers: Map<string, Socket>
  /** All sessions, by instance. */
  instances: Map<string, PresenceSessions>
  /** Who the watchers were told is here. */
  announced: Map<string, Collaborator>
  /** What came while the view was being read. */
  meanwhile: PresenceDelta[] | undefined
  /** It was read at least once. */
  isKnown: boolean
  /** To be read again with the next heartbeat. */
  isDue: boolean
  /** By socket id, since when the broker has no word of it, though its instance lives and did not say that it left. */
  doubted: Map<string, number>
  timer: NodeJS.Timeout | undefined
}

export function createView (): View {
  return {
    own: new Map(),
    stored: new Map(),
    watchers: new Map(),
    instances: new Map(),
    announced: new Map(),
    meanwhile: undefined,
    isKnown: false,
    isDue: false,
    doubted: new Map(),
    timer: undefined
  }
}

export function applyDelta (view: View, { instance, joined, left }: PresenceDelta): void {
  const sessions = sessionsOf(view, instance)
  for (const entry of joined) sessions.set(entry.socketId, entry)
  for (const socketId of left) sessions.delete(socketId)
  if (sessions.size === 0) view.instances.delete(instance)
}

/**
 * A broker that lost who is there is told again by every instance that reads it; until then, for at most `doubtMs`,
 * nobody seems to leave.
 */
export function takeSnapshot (view: View, snapshot: PresenceSnapshot, ownInstance: string, doubtMs: number): void {
  const before = view.instances
  view.instances = new Map()
  for (const { instance, entry } of snapshot) sessionsOf(view, instance).set(entry.socketId, entry)
  view.stored = storedOf(view.instances.get(ownInstance) ?? new Map())

  const doubted = new Map<string, number>()
  const now = performance.now()
  for (const [instance, sessions] of before) {
    for (const [socketId, entry] of sessions) {
      if (view.instances.get(instance)?.has(socketId) === true || (instance === ownInstance && !view.own.has(socketId))) continue
      const since = view.doubted.get(socketId) ?? now
      if (now - since > doubtMs) continue
      doubted.set(socketId, since)
      sessionsOf(view, instance).set(socketId, entry)
    }
  }
  view.doubted = doubted
  view.isKnown = true
  view.isDue = doubted.size > 0
}

/** PresenceSessions as the broker has them, as text, to see what has changed. */
export function storedOf (sessions: PresenceSessions): Map<string, string> {
  return new Map([...sessions].map(([socketId, entry]) => [socketId, JSON.stringify(entry)]))
}

function sessionsOf (view: View, instance: string): PresenceSessions {
  const sessions: PresenceSessions = view.instances.get(instance) ?? new Map()
  view.instances.set(instance, sessions)
  return sessions
}
