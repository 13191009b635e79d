// fastify.metrics: every counter, gauge and histogram.
import fp from 'fastify-plugin'
import { createMetrics, type Metrics } from '../services/observe/metrics.ts'

declare module 'fastify' {
  interface FastifyInstance {
    metrics: Metrics
  }
}

export default fp(async fastify => {
  fastify.decorate('metrics', createMetrics())
}, { name: 'metrics', fastify: '5.x' })
