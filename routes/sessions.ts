// POST sessions/disconnect, sessions/unsubscribe, tokens/revoke and tokens/restore: operators end access on every instance.
import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import { identityOf } from '../plugins/auth.ts'
import { authorize, EVERYWHERE } from '../services/access/capabilities.ts'
import type { Identity } from '../services/access/identity.ts'
import { createRates } from '../services/access/rate.ts'
import { assertWithinReach, targetOf } from '../services/access/revocations.ts'
import { limitError } from '../services/observe/limits.ts'
import { failures, WRITER } from '../services/documents/failures.ts'
import type { Command, Commands } from '../services/instances/commands.ts'
import type { Metrics } from '../services/observe/metrics.ts'
import type { Settings } from '../services/settings.ts'
import { Answer, CommandResult, DisconnectCommand, RevokeCommand, success, UnsubscribeCommand, type Success } from '../services/wire/protocol.ts'
import type { RoomName } from '../services/wire/rooms.ts'

const response = { 200: Answer(CommandResult), ...failures(...WRITER, 'limit/command-rate') }

const sessionRoutes: FastifyPluginAsyncTypebox<{ commands: Commands, settings: Settings, metrics: Metrics }> = async (fastify, { commands, settings, metrics }) => {
  const rates = createRates(settings.COMMANDS_PER_SECOND, settings.COMMAND_BURST)

  /**
   * Runs a command on every instance.
   * @param the room that the operator must be allowed to `manage`
   * @throws RoomcastError `auth/forbidden`, `limit/command-rate`, `broker/…`
   */
  async function execute ({ sub, capabilities }: Identity, where: RoomName, command: Command): Promise<Success<CommandResult>> {
    authorize(capabilities, 'manage', where)
    if (!rates.take(sub)) throw limitError(metrics, 'command-rate')
    return success(await commands.execute(command))
  }

  fastify.post('/sessions/disconnect', {
    schema: { operationId: 'disconnect', tags: ['operators'], summary: 'End all connections of a user', body: DisconnectCommand, response }
  }, async request => await execute(identityOf(request), EVERYWHERE, { do: 'disconnect', target: { userId: request.body.userId } }))

  fastify.post('/sessions/unsubscribe', {
    schema: { operationId: 'unsubscribe', tags: ['operators'], summary: 'Take a user out of a room', body: UnsubscribeCommand, response }
  }, async request => {
    const { userId, workspaceId, appId } = request.body
    return await execute(identityOf(request), { workspaceId, appId }, { do: 'unsubscribe', target: { userId, workspaceId, appId } })
  })

  fastify.post('/tokens/revoke', {
    schema: {
      operationId: 'revoke',
      tags: ['operators'],
      summary: 'Refuse a token, or all tokens of a user issued before a time',
      description: '`issuedBefore` is in milliseconds since 1970, from ten years ago to TOKEN_MAX_SECONDS from now.',
      body: RevokeCommand,
      response
    }
  }, async request => {
    const identity = identityOf(request)
    authorize(identity.capabilities, 'manage', EVERYWHERE)
    const target = targetOf(request.body)
    assertWithinReach(target, settings)
    return await execute(identity, EVERYWHERE, { do: 'revoke', target })
  })

  fastify.post('/tokens/restore', {
    schema: {
      operationId: 'restore',
      tags: ['operators'],
      summary: 'Take a revocation back',
      description: 'With the body of the revocation. Others of the same user stay.',
      body: RevokeCommand,
      response
    }
  }, async request => {
    const identity = identityOf(request)
    authorize(identity.capabilities, 'manage', EVERYWHERE)
    return await execute(identity, EVERYWHERE, { do: 'restore', target: targetOf(request.body) })
  })
}

export default sessionRoutes
