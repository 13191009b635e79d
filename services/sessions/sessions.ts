// All sessions of this instance, by socket and by user. Triggers each session when one of its tokens is due.
import type { Metrics } from '../observe/metrics.ts'
import type { Session } from './session.ts'

/** The rights of a token must end within a second of its expiry, by the wall clock at that moment. */
const CHECK_MS = 250

export interface Sessions {
  readonly size: number
  add (session: Session): void
  remove (session: Session): void
  all (): Iterable<Session>
  ofUser (userId: string): Session[]
  close (): void
}

export function createSessions ({ metrics }: { metrics: Metrics }): Sessions {
  const sessions = new Set<Session>()
  const byUser = new Map<string, Session[]>()
  // One pass over all sessions costs less memory and time than a timer per token.
  const timer = setInterval(() => {
    const now = Date.now()
    for (const session of sessions) if (now >= session.dueAt) session.onDue(now)
  }, CHECK_MS).unref()

  return {
    get size () { return sessions.size },

    add (session) {
      const { sub } = session.identity()
      sessions.add(session)
      byUser.set(sub, [...byUser.get(sub) ?? [], session])
      metrics.sockets.set(sessions.size)
    },

    remove (session) {
      const { sub } = session.identity()
      sessions.delete(session)
      const others = byUser.get(sub)?.filter(other => other !== session) ?? []
      if (others.length > 0) byUser.set(sub, others)
      else byUser.delete(sub)
      metrics.sockets.set(sessions.size)
    },

    all: () => sessions,
    ofUser: userId => [...byUser.get(userId) ?? []],
    close: () => clearInterval(timer)
  }
}
