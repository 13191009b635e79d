// Socket.IO's own rooms are not used: members of a room are found by its feed.
import { Adapter } from 'socket.io-adapter'

/** Otherwise each socket is kept in a room of its own. */
export class NoRooms extends Adapter {
  override addAll (): void {
    // Nothing is ever sent to a room of Socket.IO.
  }
}
