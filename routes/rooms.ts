// GET history and presence of a room.
import { Type, type FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import { identityOf } from '../plugins/auth.ts'
import { authorize } from '../services/access/capabilities.ts'
import { RoomcastError } from '../services/wire/errors.ts'
import { failures, READER } from '../services/documents/failures.ts'
import { Answer, Epoch, HistoryPage, Offset, PresenceList, RoomRef, success } from '../services/wire/protocol.ts'
import { isRecoverable } from '../services/feeds/recovery.ts'
import { publicUpdate } from '../services/broker/envelope.ts'
import { roomKey } from '../services/wire/rooms.ts'
import type { Broker } from '../services/broker/broker.ts'
import type { Presence } from '../services/presence/presence.ts'
import type { Settings } from '../services/settings.ts'

const DEFAULT_LIMIT = 100

const roomRoutes: FastifyPluginAsyncTypebox<{ broker: Broker, presence: Presence, settings: Settings }> = async (fastify, { broker, presence, settings }) => {
  const defaultLimit = Math.min(DEFAULT_LIMIT, settings.HISTORY_SIZE)

  fastify.get('/workspaces/:workspaceId/apps/:appId/history', {
    schema: {
      operationId: 'history',
      tags: ['rooms'],
      summary: 'What came after an offset, and the position of the room',
      description: 'Without epoch and offset: from the oldest update that is kept. Page on from the offset of the last update.',
      params: RoomRef,
      querystring: Type.Object({
        epoch: Type.Optional(Epoch),
        offset: Type.Optional(Offset),
        limit: Type.Optional(Type.Integer({ minimum: 0, maximum: settings.HISTORY_SIZE, default: defaultLimit }))
      }),
      response: { 200: Answer(HistoryPage), ...failures(...READER) }
    },
  }, async request => {
    const { params, query } = request
    authorize(identityOf(request).capabilities, 'subscribe', params)
    const { epoch, offset, limit = defaultLimit } = query
    if ((epoch === undefined) !== (offset === undefined)) throw new RoomcastError('request/invalid', 'epoch and offset belong together: send both, or neither.')
    const room = roomKey(params)
    const kept = await broker.history(room, offset ?? 0, { maxUpdates: limit, maxBytes: settings.HISTORY_READ_BYTES })
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
    schema: {
      operationId: 'presence',
      tags: ['rooms'],
      summary: 'Who is in the room, over all instances',
      params: RoomRef,
      response: { 200: Answer(PresenceList), ...failures(...READER) }
    }
  }, async request => {
    authorize(identityOf(request).capabilities, 'presence', request.params)
    return success(await presence.list(roomKey(request.params)))
  })
}

export default roomRoutes
