// A fresh token of the same user, before the old one ends.
import { RoomcastError } from '../../wire/errors.ts'
import type { Handler } from './context.ts'

export const onAuthenticate: Handler<{ token: string }> = async (session, { token }, answer, { verifyToken, isRevoked }) => {
  const identity = await verifyToken(token)
  if (identity.sub !== session.identity().sub) throw new RoomcastError('auth/forbidden', "The token is another user's: send one with the same sub, or connect anew.")
  if (isRevoked(identity)) throw new RoomcastError('auth/token-revoked')
  session.renew(identity)
  answer({ expiresAt: identity.expiresAt })
}
