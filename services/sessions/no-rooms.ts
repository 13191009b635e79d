// Disables Socket.IO's own rooms: feeds know the members of a room.
import { Adapter } from 'socket.io-adapter'

/** Socket.IO would put each socket into a room of its own. */
export class NoRooms extends Adapter {
  override addAll (): void {
    // Nothing is ever sent to a Socket.IO room.
  }
}
