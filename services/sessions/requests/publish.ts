// PUBLISH: a collaborator's own update, handled as over HTTP, with the identity of the connection.
import type { SocketPublish } from '../../wire/protocol.ts'
import type { Handler } from './context.ts'

export const onPublish: Handler<SocketPublish> = async (session, request, answer, { publisher }) => {
  const { workspaceId, appId, event, payload, id, ephemeral } = request
  const caller = { sub: session.identity().sub, capabilities: session.capabilities(request) }
  answer(await publisher.publish(caller, { workspaceId, appId, event, payload, id, ephemeral }))
}
