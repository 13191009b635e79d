// Tells a client ahead of a token's end, and acts at its end.
import type { Socket } from 'socket.io'
import type { TokenExpiring } from '../wire/protocol.ts'
import type { RoomName } from '../wire/rooms.ts'
import type { Settings } from '../settings.ts'
import { at } from './timer.ts'

/**
 * @param room of a room token; empty for the connection's own
 * @returns what cancels it
 */
export function watchToken (socket: Socket, expiresAt: number, settings: Settings, room: Partial<RoomName>, onEnd: () => void): () => void {
  const expiring: TokenExpiring = { expiresAt, ...room }
  const cancelWarning = at(expiresAt - settings.TOKEN_EXPIRING_SECONDS * 1000, () => socket.emit('token_expiring', expiring))
  const cancelEnd = at(expiresAt, onEnd)
  return () => {
    cancelWarning()
    cancelEnd()
  }
}
