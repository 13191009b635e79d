// POST sessions/disconnect, sessions/unsubscribe and tokens/revoke: an operator ends access, on every instance.
import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import { identityOf } from '../plugins/auth.ts'
import { authorize, EVERYWHERE } from '../services/access/capabilities.ts'
import { RoomcastError } from '../services/wire/errors.ts'
import { failures, WRITER } from '../services/documents/failures.ts'
import type { Commands } from '../services/instances/commands.ts'
import { Answer, CommandResult, DisconnectCommand, RevokeCommand, success, UnsubscribeCommand } from '../services/wire/protocol.ts'

const response = { 200: Answer(CommandResult), ...failures(...WRITER) }

const sessionRoutes: FastifyPluginAsyncTypebox<{ commands: Commands }> = async (fastify, { commands }) => {
  fastify.post('/sessions/disconnect', {
    schema: { operationId: 'disconnect', tags: ['operators'], summary: 'End all connections of a user', body: DisconnectCommand, response }
  }, async request => {
    const { body } = request
    authorize(identityOf(request).capabilities, 'manage', EVERYWHERE)
    return success(await commands.execute({ do: 'disconnect', target: { userId: body.userId } }))
  })

  fastify.post('/sessions/unsubscribe', {
    schema: { operationId: 'unsubscribe', tags: ['operators'], summary: 'Take a user out of a room', body: UnsubscribeCommand, response }
  }, async request => {
    const { userId, workspaceId, appId } = request.body
    authorize(identityOf(request).capabilities, 'manage', { workspaceId, appId })
    return success(await commands.execute({ do: 'unsubscribe', target: { userId, workspaceId, appId } }))
  })

  fastify.post('/tokens/revoke', {
    schema: { operationId: 'revoke', tags: ['operators'], summary: 'Refuse a token, or all tokens of a user issued before a time', body: RevokeCommand, response }
  }, async request => {
    const { body } = request
    authorize(identityOf(request).capabilities, 'manage', EVERYWHERE)
    if ('jti' in body && 'userId' in body) throw new RoomcastError('request/invalid', 'jti and userId: one of them at a time; send two requests.')
    const target = 'jti' in body ? { jti: body.jti } : { userId: body.userId, issuedBefore: body.issuedBefore }
    return success(await commands.execute({ do: 'revoke', target }))
  })
}

export default sessionRoutes
