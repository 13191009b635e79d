// Health for callers of the API, process supervisors and load balancers.
import { Type, type FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import { spellings } from '../plugins/scope.ts'
import { ANY_CALLER, failures } from '../services/documents/failures.ts'
import type { Readiness } from '../services/instances/readiness.ts'
import type { Metrics } from '../services/observe/metrics.ts'
import { Answer, success } from '../services/wire/protocol.ts'

const Health = Answer(Type.Object({ health: Type.Literal('ok') }))
const Live = Type.Object({ live: Type.Literal(true) })
const Ready = Type.Object({
  ready: Type.Boolean(),
  reasons: Type.Array(Type.String()),
  silentShards: Type.Optional(Type.Array(Type.String(), { description: 'masters of a Redis Cluster that no probe comes back from: publishes to their rooms answer 503' }))
})

interface HealthOptions {
  readiness: Readiness
  metrics: Metrics
  /** Which of /livez and /readyz, and of /metrics, are served. */
  hasHealth: boolean
  hasMetrics: boolean
}

const healthRoutes: FastifyPluginAsyncTypebox<HealthOptions> = async (fastify, { readiness, metrics, hasHealth, hasMetrics }) => {
  for (const url of spellings(fastify, '/api/v1/health/')) {
    fastify.get(url, {
      schema: {
        operationId: 'health', tags: ['health'], summary: 'Whether the API answers', hide: !url.endsWith('/'), response: { 200: Health, ...failures(...ANY_CALLER) }
      }
    }, async () => success({ health: 'ok' as const }))
  }

  if (hasHealth) addHealth()
  if (hasMetrics) addMetrics()

  function addHealth (): void {
    fastify.get('/livez', {
      schema: { operationId: 'live', tags: ['health'], summary: 'The process runs', response: { 200: Live, ...failures(...ANY_CALLER) } }
    }, async () => ({ live: true as const }))

    fastify.get('/readyz', {
      schema: {
        operationId: 'ready',
        tags: ['health'],
        summary: 'Whether the instance should get traffic: a probe has recently come back through the broker',
        response: { 200: Ready, ...failures(...ANY_CALLER), 503: Ready }
      }
    }, async (_request, reply) => {
      const reasons = readiness.faults()
      if (reasons.length > 0) reply.code(503).header('Retry-After', 1)
      const silentShards = readiness.silentShards()
      return { ready: reasons.length === 0, reasons, ...silentShards.length > 0 && { silentShards } }
    })
  }

  function addMetrics (): void {
    fastify.get('/metrics', {
      schema: {
        operationId: 'metrics',
        tags: ['health'],
        summary: 'Metrics for Prometheus',
        response: { 200: { content: { 'text/plain': { schema: Type.String() } } }, ...failures(...ANY_CALLER) }
      }
    }, async (_request, reply) => {
      reply.type(metrics.registry.contentType)
      return await metrics.registry.metrics()
    })
  }
}

export default healthRoutes
