// fastify.roomcast: what the app around the service gets, its one decorator.
import type { Publisher } from '../services/broker/publisher.ts'
import type { Commands } from '../services/instances/commands.ts'
import type { Readiness } from '../services/instances/readiness.ts'
import type { Metrics } from '../services/observe/metrics.ts'
import type { Presence } from '../services/presence/presence.ts'
import { drain } from '../services/sessions/drain.ts'
import type { Sessions } from '../services/sessions/sessions.ts'
import type { Gateways } from './gateways.ts'
import type { People } from './people.ts'
import type { Base } from './updates.ts'

declare module 'fastify' {
  interface FastifyInstance {
    roomcast: Roomcast
  }
}

export interface Roomcast {
  publisher: Publisher
  presence: Presence
  commands: Commands
  sessions: Sessions
  readiness: Readiness
  metrics: Metrics
  /** Resolves when every client has been moved away; only then close the app. */
  drain (): Promise<void>
  /** Signs a token with the random key of this run; undefined where a key is configured. */
  signDemo: ((claims: object) => string) | undefined
}

export function createRoomcast ({ publisher, presence, commands, sessions, readiness, metrics, authenticator, io, settings, log }: Base & People & Gateways): Roomcast {
  return {
    publisher,
    presence,
    commands,
    sessions,
    readiness,
    metrics,
    async drain () {
      await drain({ startDraining: readiness.startDraining, sessions, countConnections: () => io.engine.clientsCount, settings, log })
    },
    signDemo: authenticator.signDemo
  }
}
