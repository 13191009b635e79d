// GET rooms, a room, sessions and instances: what goes on over all instances, for operators.
import { Type, type FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import type { FastifyRequest } from 'fastify'
import { identityOf } from '../plugins/auth.ts'
import { authorize, EVERYWHERE, workspacesWith, type Capabilities } from '../services/access/capabilities.ts'
import { createRates } from '../services/access/rate.ts'
import { failures, READER } from '../services/documents/failures.ts'
import type { Overview, Reach } from '../services/instances/overview.ts'
import { limitError } from '../services/observe/limits.ts'
import type { Metrics } from '../services/observe/metrics.ts'
import type { Settings } from '../services/settings.ts'
import { InstancesPage, Limit, MAX_ROWS, RoomKeyText, RoomPage, RoomsPage, SessionsPage, type Span } from '../services/wire/overview.ts'
import { Answer, Id, RoomRef, success, UserId } from '../services/wire/protocol.ts'
import { roomKey } from '../services/wire/rooms.ts'

const CODES = [...READER, 'limit/question-rate'] as const
const REACH = 'With `manage` on `acme/*`, only what belongs to the workspace `acme`.'
const After = Type.Optional(Type.String({ minLength: 1, maxLength: 256, description: '`next` of the page before', examples: ['k3j9x2aa'] }))

const overviewRoutes: FastifyPluginAsyncTypebox<{ overview: Overview, settings: Settings, metrics: Metrics }> = async (fastify, { overview, settings, metrics }) => {
  const rates = createRates(settings.QUESTIONS_PER_SECOND, settings.QUESTION_BURST)

  /** Counted after authorization, so that a refusal names the missing capability. */
  function assertRate (request: FastifyRequest): void {
    if (!rates.take(identityOf(request).sub)) throw limitError(metrics, 'question-rate')
  }

  fastify.get('/rooms', {
    schema: {
      operationId: 'rooms',
      tags: ['operators'],
      summary: 'Rooms with members, over all instances',
      description: `In the order of their keys. ${REACH}`,
      querystring: Type.Object({ workspaceId: Type.Optional(Id), after: Type.Optional(RoomKeyText), limit: Limit }),
      response: { 200: Answer(RoomsPage), ...failures(...CODES) }
    }
  }, async request => {
    const { workspaceId, ...query } = request.query
    const { capabilities } = identityOf(request)
    if (workspaceId !== undefined) authorize(capabilities, 'manage', { workspaceId, appId: '*' })
    const reach = workspaceId === undefined ? reachOf(capabilities) : [workspaceId]
    assertRate(request)
    return success(await overview.rooms(reach, spanOf(query)))
  })

  fastify.get('/workspaces/:workspaceId/apps/:appId', {
    schema: {
      operationId: 'room',
      tags: ['operators'],
      summary: 'One room: its members, its position, and its newest updates',
      params: RoomRef,
      response: { 200: Answer(RoomPage), ...failures(...CODES) }
    }
  }, async request => {
    const { sub, capabilities } = identityOf(request)
    authorize(capabilities, 'manage', request.params)
    assertRate(request)
    return success(await overview.room(roomKey(request.params), sub))
  })

  fastify.get('/sessions', {
    schema: {
      operationId: 'sessions',
      tags: ['operators'],
      summary: 'The connections of a user, over all instances',
      description: `In the order of their ids. ${REACH}`,
      querystring: Type.Object({ userId: UserId, after: After, limit: Limit }),
      response: { 200: Answer(SessionsPage), ...failures(...CODES) }
    }
  }, async request => {
    const { userId, ...query } = request.query
    const reach = reachOf(identityOf(request).capabilities)
    assertRate(request)
    return success(await overview.sessions(userId, reach, spanOf(query)))
  })

  fastify.get('/instances', {
    schema: {
      operationId: 'instances',
      tags: ['operators'],
      summary: 'The instances that live',
      description: 'Needs `manage` on `*/*`.',
      querystring: Type.Object({ after: After, limit: Limit }),
      response: { 200: Answer(InstancesPage), ...failures(...CODES) }
    }
  }, async request => {
    authorize(identityOf(request).capabilities, 'manage', EVERYWHERE)
    assertRate(request)
    return success(await overview.instances(spanOf(request.query)))
  })
}

/** @throws RoomcastError `auth/forbidden`: the caller may manage no workspace */
function reachOf (capabilities: Capabilities): Reach {
  const workspaces = workspacesWith(capabilities, 'manage')
  if (workspaces?.length === 0) authorize(capabilities, 'manage', EVERYWHERE)
  return workspaces
}

function spanOf ({ after, limit = MAX_ROWS }: { after?: string, limit?: number }): Span {
  return { limit, ...after !== undefined && { after } }
}

export default overviewRoutes
