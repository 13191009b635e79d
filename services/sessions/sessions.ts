// All sessions of this instance, by socket and by user. Triggers each session when one of its tokens is due.
import type { Metrics } from '../observe/metrics.ts'
import type { Session } from './session.ts'

/** The rights of a token must end within a second of its expiry, by the wall clock at that moment. */
const CHECK_MS = 250
/** How far the checks look ahead: they pass over all sessions once in this time. */
const AHEAD_MS = 10_000

export interface Sessions {
  readonly size: number
  add (session: Session): void
  remove (session: Session): void
  /** Its tokens have changed, and with them when it is due. */
  onTokens (session: Session): void
  all (): Iterable<Session>
  ofUser (userId: string): Session[]
  close (): void
}

export function createSessions ({ metrics }: { metrics: Metrics }): Sessions {
  const sessions = new Set<Session>()
  const byUser = new Map<string, Session[]>()
  /** Contains every session that is due before `horizon`, in milliseconds since 1970. */
  const soon = new Set<Session>()
  let horizon = -Infinity
  // This costs less memory and time than a timer per token, and follows the wall clock wherever it is set.
  const timer = setInterval(() => {
    const now = Date.now()
    if (now >= horizon) lookAhead(now)
    for (const session of soon) if (now >= session.dueAt) session.onDue(now)
  }, CHECK_MS).unref()

  function lookAhead (now: number): void {
    horizon = now + AHEAD_MS
    soon.clear()
    for (const session of sessions) onTokens(session)
  }

  function onTokens (session: Session): void {
    if (session.dueAt < horizon && sessions.has(session)) soon.add(session)
  }

  return {
    get size () { return sessions.size },

    add (session) {
      const { sub } = session.identity()
      sessions.add(session)
      byUser.set(sub, [...byUser.get(sub) ?? [], session])
      onTokens(session)
      metrics.sockets.set(sessions.size)
    },

    remove (session) {
      const { sub } = session.identity()
      sessions.delete(session)
      soon.delete(session)
      const others = byUser.get(sub)?.filter(other => other !== session) ?? []
      if (others.length > 0) byUser.set(sub, others)
      else byUser.delete(sub)
      metrics.sockets.set(sessions.size)
    },

    onTokens,
    all: () => sessions,
    ofUser: userId => [...byUser.get(userId) ?? []],
    close: () => clearInterval(timer)
  }
}
