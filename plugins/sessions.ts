// fastify.sessions: the authenticated connections of this instance.
import fp from 'fastify-plugin'
import { createSessions, type Sessions } from '../services/sessions/sessions.ts'

declare module 'fastify' {
  interface FastifyInstance {
    sessions: Sessions
  }
}

export default fp(async fastify => {
  const sessions = createSessions({ metrics: fastify.metrics })
  fastify.decorate('sessions', sessions)
  fastify.addHook('onClose', async () => { sessions.close() })
}, { name: 'sessions', fastify: '5.x', dependencies: ['metrics'] })
