// POST /api/v1/publish and /publish/batch: internal services publish here, and learn whether it worked.
import { Type, type FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import type { FastifyRequest } from 'fastify'
import { identityOf } from '../plugins/auth.ts'
import type { Publisher } from '../services/broker/publisher.ts'
import { RoomcastError, toRoomcastError } from '../services/wire/errors.ts'
import { failureOf, failures, TOKEN_BEARER, WRITER } from '../services/documents/failures.ts'
import { Answer, failure, HttpPublish, Receipt, success, UpdateId, type Result } from '../services/wire/protocol.ts'
import { parse } from '../services/wire/validation.ts'
import type { Metrics } from '../services/observe/metrics.ts'
import type { Settings } from '../services/settings.ts'

/** A payload may come with every byte escaped, as \u00XX; the rest of an update is small. */
const ESCAPED_BYTES = 6
const REST_BYTES = 4096
const BATCH_BYTES = 1_048_576
const Batch = Type.Object({ updates: Type.Array(Type.Unknown(), { minItems: 1 }) })

const PUBLISH_CODES = [...WRITER, 'limit/publish-rate'] as const

const publishRoutes: FastifyPluginAsyncTypebox<{ settings: Settings, metrics: Metrics, publisher: Publisher }> = async (fastify, { settings, metrics, publisher }) => {
  const bodyLimit = settings.MAX_PAYLOAD_BYTES * ESCAPED_BYTES + REST_BYTES

  fastify.post('/publish', {
    bodyLimit,
    schema: {
      operationId: 'publish',
      tags: ['publish'],
      summary: 'Publish an update to a room',
      description: 'Answers when the broker has it. Repeating an `id`, or an `Idempotency-Key`, publishes nothing and answers what the first one got.',
      headers: Type.Object({ 'idempotency-key': Type.Optional(UpdateId) }),
      body: HttpPublish,
      response: { 200: Answer(Receipt), ...failures(...PUBLISH_CODES) }
    }
  }, async request => {
    const { body } = request
    const id = updateId(request, body.id)
    return success(await publisher.publish(identityOf(request), id === body.id ? body : { ...body, id }))
  })

  fastify.post('/publish/batch', {
    bodyLimit: BATCH_BYTES,
    schema: {
      operationId: 'publishBatch',
      tags: ['publish'],
      summary: 'Publish up to MAX_BATCH updates',
      description: 'Results come in the order of the updates; one bad update does not stop the others. An `id` belongs to each update; an `Idempotency-Key` is refused.',
      body: Type.Object({ updates: Type.Array(Type.Unsafe<unknown>(HttpPublish), { minItems: 1, maxItems: settings.MAX_BATCH }) }),
      response: {
        200: Answer(Type.Object({ results: Type.Array(Type.Union([Answer(Receipt), failureOf(PUBLISH_CODES)])) })),
        ...failures(...TOKEN_BEARER, 'publish/payload-too-large')
      }
    },
    // Each update is checked by itself, so that a bad one fails alone.
    validatorCompiler: () => value => ({ value })
  }, async request => {
    const { body, headers } = request
    const identity = identityOf(request)
    const key = headers['idempotency-key']
    // One that our nginx made names the request alone.
    if (key !== undefined && key !== headers['x-request-id']) throw new RoomcastError('request/invalid', 'Idempotency-Key names one update, not a batch: give each update an id of its own.')
    const { updates } = parse(Batch, body)
    if (updates.length > settings.MAX_BATCH) {
      metrics.limits.inc({ limit: 'batch' })
      throw new RoomcastError('request/invalid', `updates: more than ${settings.MAX_BATCH} (MAX_BATCH): send several batches.`)
    }
    return success({ results: await Promise.all(updates.map(update => publishOne(update))) })

    async function publishOne (update: unknown): Promise<Result<Receipt>> {
      try {
        return success(await publisher.publish(identity, parse(HttpPublish, update)))
      } catch (error) {
        const known = toRoomcastError(error)
        if (known.code === 'server/internal') fastify.log.error({ err: error }, 'update of a batch failed')
        return failure(known.toBody())
      }
    }
  })
}

/** The caller's id of an update: in the body, or in the header that proxies know. */
export function updateId ({ headers }: FastifyRequest, bodyId?: string): string | undefined {
  const header = headers['idempotency-key'] as string | undefined
  // Made by our nginx for a caller that sent no header; nginx cannot see an id in the body.
  if (header !== undefined && header === headers['x-request-id']) return bodyId ?? header
  if (header !== undefined && bodyId !== undefined && header !== bodyId) {
    throw new RoomcastError('request/invalid', 'Idempotency-Key and id differ: send one of them, or the same.')
  }
  return bodyId ?? header
}

export default publishRoutes
