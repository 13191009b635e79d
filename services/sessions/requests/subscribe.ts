// SUBSCRIBE and UNSUBSCRIBE: join and leave a room.
import { authorize } from '../../access/capabilities.ts'
import { RoomcastError } from '../../wire/errors.ts'
import type { SubscribePayload } from '../../wire/protocol.ts'
import { roomKey, type RoomName } from '../../wire/rooms.ts'
import type { Attempt } from '../attempts.ts'
import type { Session } from '../session.ts'
import type { Handler, RequestContext } from './context.ts'

export const onSubscribe: Handler<SubscribePayload> = async (session, { workspaceId, appId, token, since }, answer, context, attempt) => {
  const room = { workspaceId, appId }
  const key = roomKey(room)
  try {
    attempt.assertStanding()
    if (token !== undefined) await addRoomToken(session, room, token, context, attempt)
    authorize(session.capabilities(room), 'subscribe', room)
    session.assertRoomLimit(key)
    const feed = await context.feeds.open(key)
    // A token or the subscription can end during the wait for the broker.
    attempt.assertStanding()
    authorize(session.capabilities(room), 'subscribe', room)
    const renewed = session.renewal(key, since)
    if (renewed !== undefined) return answer(renewed)
    await session.join(feed, since, attempt, answer)
  } catch (error) {
    // A refused SUBSCRIBE leaves no room token behind.
    if (!session.isMember(key)) session.leave(room)
    throw error
  }
}

export const onUnsubscribe: Handler<RoomName> = async (session, { workspaceId, appId }, answer) => {
  session.leave({ workspaceId, appId })
  answer(null)
}

async function addRoomToken (
  session: Session, room: RoomName, token: string, { verifyToken, isRevoked }: RequestContext, attempt: Attempt
): Promise<void> {
  const identity = await verifyToken(token)
  // If the subscription was ended meanwhile, add no token.
  attempt.assertStanding()
  if (identity.sub !== session.identity().sub) throw new RoomcastError('auth/forbidden', 'The room token belongs to another user: send one with the sub of the connection.')
  if (isRevoked(identity)) throw new RoomcastError('auth/token-revoked')
  session.addRoomToken(room, identity)
}
