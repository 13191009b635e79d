// Commands to Redis of one turn of the event loop leave in one write: it wakes Redis once, and costs one system call.
import type { Duplex } from 'node:stream'

/**
 * @param connection its `stream` is another one after a reconnect
 * @returns to be called before each command; what is written from then on leaves at the end of the turn, in its order
 */
export function createTurnWrites (connection: { readonly stream: Duplex }): () => void {
  let held: Duplex | undefined

  return () => {
    const { stream } = connection
    if (stream === held) return
    held = stream
    stream.cork()
    // After everything that came in with this turn has been handled.
    setImmediate(() => {
      if (held === stream) held = undefined
      stream.uncork()
    })
  }
}
