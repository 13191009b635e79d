// The gateways: authentication, publishing, readiness and sockets.
import type { FastifyInstance } from 'fastify'
import type { Server } from 'socket.io'
import { createPublisher, type Publisher } from '../services/broker/publisher.ts'
import { packageInfo } from '../services/documents/package-info.ts'
import { createOverview, type Overview } from '../services/instances/overview.ts'
import { createParts } from '../services/instances/parts.ts'
import { createQuestions } from '../services/instances/questions.ts'
import { createReadiness, type Readiness } from '../services/instances/readiness.ts'
import { createAuthenticator, type Authenticator } from './auth.ts'
import type { People } from './people.ts'
import { openSockets } from './sockets.ts'
import type { Base, Updates } from './updates.ts'

export interface Gateways {
  authenticator: Authenticator
  /** Publishes updates for all gateways. */
  publisher: Publisher
  /** Whether this instance should get traffic. */
  readiness: Readiness
  /** What goes on over all instances, for operators. */
  overview: Overview
  io: Server
}

export async function openGateways (fastify: FastifyInstance, parts: Base & Updates & People): Promise<Gateways> {
  const authenticator = await createAuthenticator(fastify, parts)
  const publisher = createPublisher(parts)
  const readiness = createReadiness(parts)
  fastify.addHook('onReady', async () => { readiness.start() })
  fastify.addHook('onClose', async () => { readiness.close() })
  const answerHere = createParts({ ...parts, instance: parts.broker.instance, version: packageInfo.version, readiness })
  const questions = createQuestions({ ...parts, answerHere })
  const overview = createOverview({ ...parts, questions })
  const io = await openSockets(fastify, { ...parts, authenticator, publisher, readiness })
  return { authenticator, publisher, readiness, overview, io }
}
