// Publishes over connections that are kept, as a backend does.
import { Pool } from 'undici'
import { HOST } from '../../test/helpers/ports.ts'
import type { Peer } from '../peers/peer.ts'
import type { LoadRoom } from './dialects.ts'
import { MARK } from './tally.ts'

/** About what an update of a board carries: 200 bytes of payload. */
const PAD = 'x'.repeat(160)

export interface Publishers {
  /** Resolves when it is answered. @throws Error when it is refused */
  publish (room: LoadRoom, n: number): Promise<void>
}

export function createPublishers (peer: Peer, port: number, connections: number): Publishers {
  const pool = new Pool(`http://${HOST}:${port}`, { connections, pipelining: 1 })
  return {
    async publish (room, n) {
      const { statusCode, body } = await pool.request({ method: 'POST', ...peer.publishing(room, `{${MARK}${n},"pad":"${PAD}"}`) })
      const answer = await body.text()
      if (statusCode >= 300) throw new Error(`a publish was answered ${statusCode}: ${answer}`)
    }
  }
}
