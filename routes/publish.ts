// POST /api/v1/publish, /publish/batch and /publish/many: internal services publish here.
import { Type, type FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import type { TSchema } from '@sinclair/typebox'
import type { FastifyRequest } from 'fastify'
import { identityOf } from '../plugins/auth.ts'
import type { Publisher } from '../services/broker/publisher.ts'
import { RoomcastError, toRoomcastError } from '../services/wire/errors.ts'
import { failureOf, failures, TOKEN_BEARER, WRITER } from '../services/documents/failures.ts'
import { Answer, failure, HttpPublish, Receipt, RoomRef, success, UpdateId, type Result } from '../services/wire/protocol.ts'
import { createValidator } from '../services/wire/validation.ts'
import { limitError } from '../services/observe/limits.ts'
import type { Log } from '../services/observe/log.ts'
import type { Metrics } from '../services/observe/metrics.ts'
import type { Settings } from '../services/settings.ts'

/** Every byte of a payload may be escaped, as \u00XX. The rest of an update is small. */
const ESCAPED_BYTES = 6
const REST_BYTES = 4096
const BATCH_BYTES = 1_048_576
/** Two ids of 64 characters, and their punctuation. */
const ROOM_BYTES = 256
const Batch = Type.Object({ updates: Type.Array(Type.Unknown(), { minItems: 1 }) })

const Keyed = Type.Object({ 'idempotency-key': Type.Optional(UpdateId) })
/** Rooms are checked separately. */
const Many = Type.Object({ rooms: Type.Array(Type.Unknown(), { minItems: 1 }), ...Type.Pick(HttpPublish, ['event', 'payload', 'id']).properties })
const validators = { batch: createValidator(Batch), many: createValidator(Many) }

const PUBLISH_CODES = [...WRITER, 'limit/publish-rate'] as const
const Results = Type.Object({ results: Type.Array(Type.Union([Answer(Receipt), failureOf(PUBLISH_CODES)])) })

const publishRoutes: FastifyPluginAsyncTypebox<{ settings: Settings, metrics: Metrics, log: Log, publisher: Publisher }> = async (fastify, { settings, metrics, log, publisher }) => {
  const bodyLimit = settings.MAX_PAYLOAD_BYTES * ESCAPED_BYTES + REST_BYTES

  fastify.post('/publish', {
    bodyLimit,
    schema: {
      operationId: 'publish',
      tags: ['publish'],
      summary: 'Publish an update to a room',
      description: 'Answers once the broker has stored the update. Repeating an `id`, or an `Idempotency-Key`, publishes nothing and returns the first receipt.',
      headers: Keyed,
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
        200: Answer(Results),
        ...failures(...TOKEN_BEARER, 'publish/payload-too-large')
      }
    },
    validatorCompiler: checkAllButBody
  }, async request => {
    const { body, headers } = request
    const key = headers['idempotency-key']
    // Ignore a key that our nginx made from the request id.
    if (key !== undefined && key !== headers['x-request-id']) throw new RoomcastError('request/invalid', 'Idempotency-Key identifies one update, not a batch: give each update its own id.')
    const { updates } = validators.batch.parse(body)
    checkCount('updates', updates.length)
    return results(await publisher.publishAll(identityOf(request), updates))
  })

  fastify.post('/publish/many', {
    bodyLimit: bodyLimit + settings.MAX_BATCH * ROOM_BYTES,
    schema: {
      operationId: 'publishMany',
      tags: ['publish'],
      summary: 'Publish one payload to up to MAX_BATCH rooms',
      description: 'Results come in the order of the rooms; one bad room does not stop the others. The `id`, or an `Idempotency-Key`, applies in each room.',
      headers: Keyed,
      body: Type.Object({
        rooms: Type.Array(Type.Unsafe<unknown>(RoomRef), { minItems: 1, maxItems: settings.MAX_BATCH }),
        ...Type.Pick(HttpPublish, ['event', 'payload', 'id']).properties
      }),
      response: { 200: Answer(Results), ...failures(...TOKEN_BEARER, 'publish/payload-too-large') }
    },
    validatorCompiler: checkAllButBody
  }, async request => {
    const { rooms, event, payload, id } = validators.many.parse(request.body)
    checkCount('rooms', rooms.length)
    return results(await publisher.publishMany(identityOf(request), rooms, { event, payload, id: updateId(request, id) }))
  })

  function checkCount (name: string, count: number): void {
    if (count <= settings.MAX_BATCH) return
    throw limitError(metrics, 'batch', `${name}: more than ${settings.MAX_BATCH} (MAX_BATCH): send several requests.`, 'request/invalid')
  }

  function results (settled: Array<PromiseSettledResult<Receipt>>) {
    return success({ results: settled.map(resultOf) })
  }

  function resultOf (settled: PromiseSettledResult<Receipt>): Result<Receipt> {
    if (settled.status === 'fulfilled') return success(settled.value)
    const known = toRoomcastError(settled.reason)
    if (known.code === 'server/internal') log.error({ err: settled.reason as unknown }, 'one update of several failed by a bug: please report this line')
    return failure(known.toBody())
  }
}

/** Items of the body are checked separately, so that a bad one fails alone. */
function checkAllButBody ({ schema, httpPart }: { schema: unknown, httpPart?: string }) {
  if (httpPart === 'body') return (value: unknown) => ({ value })
  const validator = createValidator(schema as TSchema)
  return (value: unknown) => validator.accepts(value) ? { value } : { error: new RoomcastError('request/invalid', validator.describeFault(value)) }
}

/** The caller's id of an update: from the body, or from the header that proxies know. @throws RoomcastError `request/invalid` if both differ */
export function updateId ({ headers }: FastifyRequest, bodyId?: string): string | undefined {
  const header = headers['idempotency-key'] as string | undefined
  // Our nginx sets this header if a caller sent none. It cannot see an id in the body.
  if (header !== undefined && header === headers['x-request-id']) return bodyId ?? header
  if (header !== undefined && bodyId !== undefined && header !== bodyId) {
    throw new RoomcastError('request/invalid', 'Idempotency-Key and id differ: send only one of them, or the same value.')
  }
  return bodyId ?? header
}

export default publishRoutes
