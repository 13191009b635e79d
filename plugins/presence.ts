// fastify.presence: who is in a room, over all instances.
import fp from 'fastify-plugin'
import { createPresence, type Presence } from '../services/presence/presence.ts'

declare module 'fastify' {
  interface FastifyInstance {
    presence: Presence
  }
}

export default fp(async fastify => {
  const { broker, peers, settings, log } = fastify
  const presence = createPresence({ broker, isAlive: peers.isAlive, settings, log })
  peers.onBeat(() => presence.onBeat())
  fastify.decorate('presence', presence)
  fastify.addHook('onReady', async () => { presence.start() })
  fastify.addHook('onClose', async () => { await presence.close() })
}, { name: 'presence', fastify: '5.x', dependencies: ['broker', 'peers'] })
