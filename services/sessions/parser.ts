// Socket.IO's parser with what is ours: a strict reading of what clients send, and JSON that is written as it is.
import * as standard from 'socket.io-parser'
import { RawJson } from '../wire/raw-json.ts'

const CONNECT = String(standard.PacketType.CONNECT)

/** One to a connection. What it throws at ends the connection. */
class StrictDecoder extends standard.Decoder {
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

/** Writes what is JSON already as it is. */
class RawEncoder extends standard.Encoder {
  override encode (packet: standard.Packet): unknown[] {
    const data: unknown = packet.data
    if (!Array.isArray(data) || !data.some(part => part instanceof RawJson)) return super.encode(packet)
    return [`${packet.type}${packet.id ?? ''}[${data.map(part => part instanceof RawJson ? part.text : JSON.stringify(part)).join(',')}]`]
  }
}

export const parser = { ...standard, Encoder: RawEncoder, Decoder: StrictDecoder }
