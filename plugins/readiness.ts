// fastify.readiness: whether this instance should get traffic.
import fp from 'fastify-plugin'
import { createReadiness, type Readiness } from '../services/instances/readiness.ts'

declare module 'fastify' {
  interface FastifyInstance {
    readiness: Readiness
  }
}

export default fp(async fastify => {
  const { broker, probe, commands, settings, metrics } = fastify
  const readiness = createReadiness({ broker, probe, commands, settings, metrics })
  fastify.decorate('readiness', readiness)
  fastify.addHook('onReady', async () => { readiness.start() })
  fastify.addHook('onClose', async () => { readiness.close() })
}, { name: 'readiness', fastify: '5.x', dependencies: ['broker', 'probe', 'commands'] })
