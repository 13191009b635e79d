// GET history and presence of a room. These reads are limited by a rate per token, and requests that arrive on one
// connection without waiting for answers are served one after the other.
import { Type, type FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import type { FastifyReply, FastifyRequest } from 'fastify'
import { identityOf } from '../plugins/auth.ts'
import { authorize } from '../services/access/capabilities.ts'
import { createRates } from '../services/access/rate.ts'
import { RoomcastError } from '../services/wire/errors.ts'
import { failures, READER } from '../services/documents/failures.ts'
import { Answer, Epoch, HistoryPage, Offset, PresenceList, RoomRef, success } from '../services/wire/protocol.ts'
import { isRecoverable } from '../services/feeds/recovery.ts'
import { publicUpdate } from '../services/broker/envelope.ts'
import { roomKey } from '../services/wire/rooms.ts'
import type { Broker } from '../services/broker/broker.ts'
import type { Presence } from '../services/presence/presence.ts'
import { limitError } from '../services/observe/limits.ts'
import type { Metrics } from '../services/observe/metrics.ts'
import type { Settings } from '../services/settings.ts'

const DEFAULT_LIMIT = 100

const roomRoutes: FastifyPluginAsyncTypebox<{ broker: Broker, presence: Presence, settings: Settings, metrics: Metrics }> = async (fastify, { broker, presence, settings, metrics }) => {
  const defaultLimit = Math.min(DEFAULT_LIMIT, settings.HISTORY_SIZE)

  const rates = createRates(settings.READS_PER_SECOND, settings.READ_BURST)
  /** The last answer of each connection; resolves when it has been sent. */
  const answered = new WeakMap<object, Promise<unknown>>()

  async function assertRate (request: FastifyRequest): Promise<void> {
    if (!rates.take(identityOf(request).sub)) throw limitError(metrics, 'read-rate')
  }

  /** Waits until the client has taken earlier answers, so that they do not pile up. */
  async function takeTurn ({ raw }: FastifyRequest, reply: FastifyReply): Promise<void> {
    const before = answered.get(raw.socket)
    answered.set(raw.socket, new Promise(resolve => reply.raw.once('close', resolve)))
    await before
  }

  fastify.get('/workspaces/:workspaceId/apps/:appId/history', {
    preHandler: [assertRate, takeTurn],
    schema: {
      operationId: 'history',
      tags: ['rooms'],
      summary: 'What came after an offset, and the position of the room',
      description: 'Without epoch and offset, it starts at the oldest kept update. For the next page, use the offset of the last update.',
      params: RoomRef,
      querystring: Type.Object({
        epoch: Type.Optional(Epoch),
        offset: Type.Optional(Offset),
        limit: Type.Optional(Type.Integer({ minimum: 0, maximum: settings.HISTORY_SIZE, default: defaultLimit }))
      }),
      response: { 200: Answer(HistoryPage), ...failures(...READER, 'limit/read-rate') }
    },
  }, async request => {
    const { params, query } = request
    const { sub, capabilities } = identityOf(request)
    authorize(capabilities, 'subscribe', params)
    const { epoch, offset, limit = defaultLimit } = query
    if ((epoch === undefined) !== (offset === undefined)) throw new RoomcastError('request/invalid', 'epoch and offset belong together: send both or neither.')
    const room = roomKey(params)
    const kept = await broker.history(room, offset ?? 0, { maxUpdates: limit, maxBytes: settings.HISTORY_READ_BYTES }, sub)
    const recovered = epoch !== undefined && offset !== undefined && isRecoverable({ epoch, offset }, kept)
    const isWanted = epoch === undefined || recovered
    return success({
      epoch: kept.epoch,
      offset: kept.offset,
      recovered,
      updates: isWanted ? kept.updates.map(update => publicUpdate(room, update)) : []
    })
  })

  fastify.get('/workspaces/:workspaceId/apps/:appId/presence', {
    preHandler: [assertRate, takeTurn],
    schema: {
      operationId: 'presence',
      tags: ['rooms'],
      summary: 'Who is in the room, over all instances',
      params: RoomRef,
      response: { 200: Answer(PresenceList), ...failures(...READER, 'limit/read-rate') }
    }
  }, async request => {
    authorize(identityOf(request).capabilities, 'presence', request.params)
    return success(await presence.list(roomKey(request.params)))
  })
}

export default roomRoutes
