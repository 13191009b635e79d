// AUTHENTICATE: replaces the connection's token by a fresh one of the same user.
import { RoomcastError } from '../../wire/errors.ts'
import type { Handler } from './context.ts'

export const onAuthenticate: Handler<{ token: string }> = async (session, { token }, answer, { verifyToken, isRevoked }) => {
  const identity = await verifyToken(token)
  if (identity.sub !== session.identity().sub) throw new RoomcastError('auth/forbidden', 'The token belongs to another user: send one with the same sub, or open a new connection.')
  if (isRevoked(identity)) throw new RoomcastError('auth/token-revoked')
  session.renew(identity)
  answer({ expiresAt: identity.expiresAt })
}
