// fastify.presence: who is in a room, over all instances.
import fp from 'fastify-plugin'
import { createPresence, type Presence } from '../services/presence/presence.ts'

declare module 'fastify' {
  interface FastifyInstance {
    presence: Presence
  }
}

export default fp(async fastify => {
  const { broker, liveness, config: settings, log } = fastify
  const presence = createPresence({ broker, liveness, settings, log })
  liveness.onBeat(() => presence.onBeat())
  fastify.decorate('presence', presence)
  fastify.addHook('onReady', async () => { presence.start() })
  fastify.addHook('onClose', async () => { await presence.close() })
}, { name: 'presence', fastify: '5.x', dependencies: ['broker', 'liveness'] })
