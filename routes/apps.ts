// PUT /api/v1/apps/: tells a room with UPDATE_APP that its app changed.
import { Type, type FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import { identityOf } from '../plugins/auth.ts'
import { spellings } from '../plugins/scope.ts'
import type { Publisher } from '../services/broker/publisher.ts'
import { failures, WRITER } from '../services/documents/failures.ts'
import { Answer, AppChange, success, UpdateId } from '../services/wire/protocol.ts'
import { updateId } from './publish.ts'

const appRoutes: FastifyPluginAsyncTypebox<{ publisher: Publisher }> = async (fastify, { publisher }) => {
  for (const url of spellings(fastify, '/apps/')) {
    fastify.put(url, {
      schema: {
        operationId: 'changeApp',
        tags: ['publish'],
        summary: 'Tell a room that its app changed',
        description: 'Publishes `UPDATE_APP` with the payload `{ id, displayName, workspaceID }` to the room.',
        hide: url === '/apps',
        headers: Type.Object({ 'idempotency-key': Type.Optional(UpdateId) }),
        body: AppChange,
        response: { 200: Answer(AppChange), ...failures(...WRITER, 'limit/publish-rate') }
      }
    }, async request => {
      const { workspaceId, appId, displayName } = request.body
      await publisher.publish(identityOf(request), {
        workspaceId, appId, event: 'UPDATE_APP', payload: { id: appId, displayName, workspaceID: workspaceId }, id: updateId(request)
      })
      return success({ displayName, workspaceId, appId })
    })
  }
}

export default appRoutes
