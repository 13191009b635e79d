// All sessions of this instance, by socket and by user; finds the sockets that do not read and cuts them off.
import { performance } from 'node:perf_hooks'
import type { Log } from '../observe/log.ts'
import type { Metrics } from '../observe/metrics.ts'
import type { Session } from './session.ts'
import type { Settings } from '../settings.ts'

const STALL_CHECK_MS = 250

export interface Sessions {
  readonly size: number
  add (session: Session): void
  remove (session: Session): void
  all (): Iterable<Session>
  ofUser (userId: string): Session[]
  close (): void
}

export function createSessions ({ settings, metrics, log }: { settings: Settings, metrics: Metrics, log: Log }): Sessions {
  const sessions = new Set<Session>()
  const byUser = new Map<string, Set<Session>>()
  const timer = setInterval(cutOffStalled, STALL_CHECK_MS)
  timer.unref()
  let checkedAt = performance.now()

  function cutOffStalled (): void {
    const now = performance.now()
    // While our own event loop stood still, nobody could drain.
    const elapsedMs = Math.min(now - checkedAt, 2 * STALL_CHECK_MS)
    checkedAt = now
    let waiting = 0
    for (const session of sessions) {
      const { sendBuffer, socket } = session
      const bytes = sendBuffer.waiting()
      waiting += bytes
      const limitMs = socket.conn.transport.name === 'polling' ? settings.POLLING_STALL_TIMEOUT_MS : settings.STALL_TIMEOUT_MS
      const stalledMs = sendBuffer.stalledMs(elapsedMs)
      if (stalledMs < limitMs && bytes <= settings.MAX_BUFFERED_BYTES) continue
      metrics.limits.inc({ limit: 'slow-client' })
      log.warn({ code: 'limit/slow-client', socket: session.id, userId: session.identity().sub, bytes, stalledMs }, 'cut off a client that does not read')
      session.terminate('limit/slow-client')
    }
    metrics.bufferedBytes.set(waiting)
  }

  return {
    get size () { return sessions.size },

    add (session) {
      const { sub } = session.identity()
      sessions.add(session)
      byUser.set(sub, (byUser.get(sub) ?? new Set()).add(session))
      metrics.sockets.set(sessions.size)
    },

    remove (session) {
      const { sub } = session.identity()
      sessions.delete(session)
      byUser.get(sub)?.delete(session)
      if (byUser.get(sub)?.size === 0) byUser.delete(sub)
      metrics.sockets.set(sessions.size)
    },

    all: () => sessions,
    ofUser: userId => [...byUser.get(userId) ?? []],
    close: () => clearInterval(timer)
  }
}
