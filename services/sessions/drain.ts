// Draining: readiness fails first, so that the load balancer notices; then clients are moved away in jittered batches.
import { setTimeout as wait } from 'node:timers/promises'
import type { Log } from '../observe/log.ts'
import type { Draining } from '../wire/protocol.ts'
import type { Session } from './session.ts'
import type { Sessions } from './sessions.ts'
import type { Settings } from '../settings.ts'

/** How often to look for clients that connected after draining began. */
const LOOK_AGAIN_MS = 250

/**
 * Moves every client away. Publishes are served meanwhile; the app must not close before this resolves.
 */
export async function drain ({ startDraining, sessions, countConnections, settings, log }: {
  /** Makes this instance not ready. */
  startDraining: () => void
  sessions: Sessions
  /** The number of connections, including unauthenticated ones. */
  countConnections: () => number
  settings: Settings
  log: Log
}): Promise<void> {
  startDraining()
  log.info({ sockets: sessions.size }, 'draining')
  // In development, there is no load balancer that must notice and no other instance to protect.
  const isHurried = settings.NODE_ENV === 'development'
  await wait(isHurried ? 0 : settings.DRAIN_DELAY_SECONDS * 1000)
  const endsAt = performance.now() + (isHurried ? 0 : settings.DRAIN_SECONDS * 1000)
  const leaving = new Map<Session, Promise<void>>()
  for (;;) {
    const arrivals = [...sessions.all()].filter(session => !leaving.has(session))
    const slotMs = Math.max(0, endsAt - performance.now()) / arrivals.length
    // One jittered slot per client, so that reconnects are spread evenly.
    for (const [i, session] of arrivals.entries()) leaving.set(session, evict(session, Math.floor((i + Math.random()) * slotMs)))
    if (countConnections() === 0 || performance.now() >= endsAt) break
    await wait(Math.min(LOOK_AGAIN_MS, Math.max(0, endsAt - performance.now())))
  }
  if (countConnections() > 0) await Promise.all(leaving.values())
  log.info({ sockets: sessions.size }, 'drained')
}

async function evict (session: Session, reconnectInMs: number): Promise<void> {
  const draining: Draining = { reconnectInMs }
  session.socket.emit('draining', draining)
  await wait(reconnectInMs)
  if (session.isOpen()) session.evict()
}
