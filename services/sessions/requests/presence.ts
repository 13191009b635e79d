// PRESENCE: who is in a room, and the state of this session there.
import { authorize } from '../../access/capabilities.ts'
import { RoomcastError } from '../../wire/errors.ts'
import type { PresenceRequest } from '../../wire/protocol.ts'
import { roomKey } from '../../wire/rooms.ts'
import { isDeeperThan } from '../../wire/validation.ts'
import type { Handler } from './context.ts'

export const onPresence: Handler<PresenceRequest> = async (session, request, answer, { presence, settings }) => {
  const room = { workspaceId: request.workspaceId, appId: request.appId }
  authorize(session.capabilities(room), 'presence', room)
  if (request.state !== undefined) {
    if (isDeeperThan(request.state, settings.MAX_PAYLOAD_DEPTH)) {
      throw new RoomcastError('request/invalid', `state: nested deeper than ${settings.MAX_PAYLOAD_DEPTH} levels (MAX_PAYLOAD_DEPTH).`)
    }
    presence.setState(roomKey(room), session.id, request.state)
  }
  // Lists are large. A client that is behind gets its list after it has drained, and then the newest one.
  for (;;) {
    const list = await presence.listText(roomKey(room), session.id)
    // A capability can end during the wait for the broker or for the socket.
    authorize(session.capabilities(room), 'presence', room)
    if (!session.sendBuffer.isFull()) return answer(list)
    await new Promise<void>(resolve => { session.sendBuffer.whenDrained(resolve) })
    if (!session.isOpen()) return
  }
}
