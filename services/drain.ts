// Leaving without a trace: the load balancer sees it first, then clients are moved away in jittered batches.
import { setTimeout as wait } from 'node:timers/promises'
import type { Log } from './log.ts'
import type { Draining } from './protocol.ts'
import type { Readiness } from './readiness.ts'
import type { Session } from './session.ts'
import type { Sessions } from './sessions.ts'
import type { Settings } from './settings.ts'

/**
 * Resolves when every client has been told its slot and has been moved away. Publishes are served all the while;
 * only then may the app close.
 */
export async function drain ({ readiness, sessions, settings, log }: {
  readiness: Readiness, sessions: Sessions, settings: Settings, log: Log
}): Promise<void> {
  readiness.startDraining()
  log.info({ sockets: sessions.size }, 'draining')
  await wait(settings.DRAIN_DELAY_SECONDS * 1000)
  await Promise.all([...sessions.all()].map(session => moveAway(session, settings.DRAIN_SECONDS * 1000)))
  log.info({ sockets: sessions.size }, 'drained')
}

async function moveAway (session: Session, withinMs: number): Promise<void> {
  const draining: Draining = { reconnectInMs: Math.floor(Math.random() * withinMs) }
  session.socket.emit('draining', draining)
  await wait(draining.reconnectInMs)
  if (session.isOpen()) session.moveAway()
}
