// Tells a client ahead of a token's end, and acts at its end.
import type { Socket } from 'socket.io'
import { at } from '../access/time.ts'
import type { TokenExpiring } from '../wire/protocol.ts'
import type { RoomName } from '../wire/rooms.ts'
import type { Settings } from '../settings.ts'

/**
 * @param room of a room token; empty for the connection's own
 * @returns what cancels it
 */
export function watchToken (socket: Socket, expiresAt: number, settings: Settings, room: Partial<RoomName>, onEnd: () => void): () => void {
  // One timer after the other: most connections never need the second.
  let cancel = at(expiresAt - settings.TOKEN_EXPIRING_SECONDS * 1000, () => {
    const expiring: TokenExpiring = { expiresAt, ...room }
    socket.emit('token_expiring', expiring)
    cancel = at(expiresAt, onEnd)
  })
  return () => cancel()
}
