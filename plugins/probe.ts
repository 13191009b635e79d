// fastify.probe: whether updates come back through the broker.
import fp from 'fastify-plugin'
import { createProbe, type Probe } from '../services/instances/probe.ts'

declare module 'fastify' {
  interface FastifyInstance {
    probe: Probe
  }
}

export default fp(async fastify => {
  const { broker, inbox, settings, metrics, log } = fastify
  const probe = createProbe({ broker, inbox, settings, metrics, log })
  fastify.decorate('probe', probe)
  fastify.addHook('onReady', async () => { probe.start() })
  fastify.addHook('onClose', async () => { probe.close() })
}, { name: 'probe', fastify: '5.x', dependencies: ['inbox'] })
