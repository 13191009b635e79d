// fastify.inbox: the internal room of this instance.
import fp from 'fastify-plugin'
import { createInbox, type Inbox } from '../services/instances/inbox.ts'

declare module 'fastify' {
  interface FastifyInstance {
    inbox: Inbox
  }
}

export default fp(async fastify => {
  fastify.decorate('inbox', createInbox({ broker: fastify.broker, log: fastify.log }))
}, { name: 'inbox', fastify: '5.x', dependencies: ['broker'] })
