// fastify.liveness: which instances live.
import fp from 'fastify-plugin'
import { createLiveness, type Liveness } from '../services/instances/peers.ts'

declare module 'fastify' {
  interface FastifyInstance {
    liveness: Liveness
  }
}

export default fp(async fastify => {
  const { broker, config: settings, log } = fastify
  const liveness = createLiveness({ broker, settings, log })
  fastify.decorate('liveness', liveness)
  fastify.addHook('onReady', async () => { liveness.start() })
  fastify.addHook('onClose', async () => { liveness.close() })
}, { name: 'liveness', fastify: '5.x', dependencies: ['broker'] })
