// Socket.IO's parser with two changes: it decodes client packets strictly, and writes RawJson as it is.
import * as standard from 'socket.io-parser'
import { RawJson } from '../wire/raw-json.ts'

const CONNECT = String(standard.PacketType.CONNECT)

/** Decodes the packets of one connection. An error ends the connection. */
class StrictDecoder extends standard.Decoder {
  private isConnecting = false

  override add (packet: unknown): void {
    // Attachments would stay in memory until they are complete. No request needs them or an acknowledgement.
    if (typeof packet !== 'string' || /^[356]/.test(packet)) throw new Error('binary packets and acknowledgements are not accepted')
    if (packet.startsWith(CONNECT)) {
      // A second CONNECT would open a second session on the same transport, or guess another token.
      if (this.isConnecting) throw new Error('a connection has one session')
      this.isConnecting = true
    }
    super.add(packet)
  }
}

/** Writes RawJson without encoding it again. */
class RawEncoder extends standard.Encoder {
  override encode (packet: standard.Packet): unknown[] {
    const data: unknown = packet.data
    if (!Array.isArray(data) || !data.some(part => part instanceof RawJson)) return super.encode(packet)
    return [`${packet.type}${packet.id ?? ''}[${data.map(part => part instanceof RawJson ? part.text : JSON.stringify(part)).join(',')}]`]
  }
}

export const parser = { ...standard, Encoder: RawEncoder, Decoder: StrictDecoder }
