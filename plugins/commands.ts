// fastify.commands: what operators tell all instances, and which tokens are revoked.
import fp from 'fastify-plugin'
import { createCommands, type Commands } from '../services/instances/commands.ts'

declare module 'fastify' {
  interface FastifyInstance {
    commands: Commands
  }
}

export default fp(async fastify => {
  const { broker, feeds, inbox, peers, sessions, settings, metrics, log } = fastify
  const commands = createCommands({ broker, feeds, inbox, peers, sessions, settings, metrics, log })
  fastify.decorate('commands', commands)
  fastify.addHook('onReady', async () => { commands.start() })
  fastify.addHook('onClose', async () => { commands.close() })
}, { name: 'commands', fastify: '5.x', dependencies: ['feeds', 'inbox', 'peers', 'sessions'] })
