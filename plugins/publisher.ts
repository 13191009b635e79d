// fastify.publisher: the one way in for updates, from both doors.
import fp from 'fastify-plugin'
import { createPublisher, type Publisher } from '../services/broker/publisher.ts'

declare module 'fastify' {
  interface FastifyInstance {
    publisher: Publisher
  }
}

export default fp(async fastify => {
  const { broker, settings, metrics } = fastify
  fastify.decorate('publisher', createPublisher({ broker, settings, metrics }))
}, { name: 'publisher', fastify: '5.x', dependencies: ['broker'] })
