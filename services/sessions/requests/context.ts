// What the handlers of socket requests need.
import type { Attempt } from '../attempts.ts'
import type { Feeds } from '../../feeds/feeds.ts'
import type { Identity } from '../../access/identity.ts'
import type { Log } from '../../observe/log.ts'
import type { Metrics } from '../../observe/metrics.ts'
import type { Presence } from '../../presence/presence.ts'
import type { Publisher } from '../../broker/publisher.ts'
import type { Session } from '../session.ts'
import type { Settings } from '../../settings.ts'

export interface RequestContext {
  feeds: Feeds
  publisher: Publisher
  presence: Presence
  isRevoked: (identity: Identity) => boolean
  /** @throws RoomcastError `auth/…` */
  verifyToken: (token: string) => Promise<Identity>
  settings: Settings
  metrics: Metrics
  log: Log
}

/**
 * Handles a request.
 * @param answer sends the answer's data; called once, at the moment when the answer must leave
 * @param attempt tells whether a SUBSCRIBE may continue
 */
export type Handler<T> = (session: Session, request: T, answer: (data: unknown) => void, context: RequestContext, attempt: Attempt) => Promise<void>
