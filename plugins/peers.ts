// fastify.peers: which instances live.
import fp from 'fastify-plugin'
import { createPeers, type Peers } from '../services/instances/peers.ts'

declare module 'fastify' {
  interface FastifyInstance {
    peers: Peers
  }
}

export default fp(async fastify => {
  const { broker, settings, log } = fastify
  const peers = createPeers({ broker, settings, log })
  fastify.decorate('peers', peers)
  fastify.addHook('onReady', async () => { peers.start() })
  fastify.addHook('onClose', async () => { peers.close() })
}, { name: 'peers', fastify: '5.x', dependencies: ['broker'] })
