// Who is in a room.
import { authorize } from '../../access/capabilities.ts'
import { roomKey, type RoomName } from '../../wire/rooms.ts'
import type { Handler } from './context.ts'

export const onPresence: Handler<RoomName> = async (session, room, answer, { presence }) => {
  authorize(session.capabilities(room), 'presence', room)
  const list = await presence.list(roomKey(room))
  // A capability can end while we wait for the broker.
  authorize(session.capabilities(room), 'presence', room)
  answer(list)
}
