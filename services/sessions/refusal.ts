// How a refused caller leaves: it can read the answer, and it cannot keep its end open afterwards.
import type { IncomingMessage } from 'node:http'
import type { Socket } from 'node:net'

/**
 * Gives a socket that Node handed over its error handler: without one, a reset by the caller ends the process.
 * To be called before anything is written to the socket; more than once does no harm.
 */
export function guard (socket: Socket): void {
  if (!socket.listeners('error').includes(destroyThis)) socket.on('error', destroyThis)
}

function destroyThis (this: Socket): void {
  this.destroy()
}

/**
 * Writes an answer to a bare socket and closes it within `lingerMs`, whatever the caller does.
 * Until then what the caller still sends is read: closing with unread bytes is a reset, which may take the answer away.
 */
export function endWith (socket: Socket, answer: string, lingerMs: number): void {
  guard(socket)
  const timer = setTimeout(() => socket.destroy(), lingerMs)
  socket.once('close', () => clearTimeout(timer))
  socket.end(answer)
  socket.resume()
}

/**
 * Reads the rest of a request's body and drops it, for the same reason. Resolves when it has come, when more than
 * `maxBytes` came, or when nothing came for `idleMs`.
 */
export function discardBody (request: IncomingMessage, { maxBytes, idleMs }: { maxBytes: number, idleMs: number }): Promise<void> {
  return new Promise(resolve => {
    if (request.readableEnded || request.destroyed) return resolve()
    let bytes = 0
    const timer = setTimeout(finish, idleMs)
    request.on('data', onData).once('end', finish).once('close', finish)

    function onData (chunk: Buffer): void {
      bytes += chunk.length
      timer.refresh()
      if (bytes > maxBytes) finish()
    }

    function finish (): void {
      clearTimeout(timer)
      request.off('data', onData).off('end', finish).off('close', finish)
      resolve()
    }
  })
}
