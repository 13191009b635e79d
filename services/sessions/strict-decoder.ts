// What a client may send: one session, and no packet that Socket.IO would hold or wait for.
import * as parser from 'socket.io-parser'

const CONNECT = String(parser.PacketType.CONNECT)

/** One to a connection. What it throws at ends the connection. */
export class StrictDecoder extends parser.Decoder {
  private isConnecting = false

  override add (packet: unknown): void {
    // Binary attachments are held in memory until they are complete; nothing here needs them, or asks for an acknowledgement.
    if (typeof packet !== 'string' || /^[356]/.test(packet)) throw new Error('binary packets and acknowledgements are not accepted')
    if (packet.startsWith(CONNECT)) {
      // A second one would begin a second session behind the same transport, or guess another token.
      if (this.isConnecting) throw new Error('a connection has one session')
      this.isConnecting = true
    }
    super.add(packet)
  }
}
