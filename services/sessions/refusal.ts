// Refuses a caller such that it can read the answer, but cannot keep its end of the connection open.
import type { IncomingMessage } from 'node:http'
import type { Socket } from 'node:net'

/**
 * Adds an error handler to a socket that Node handed over. Without one, a reset by the caller ends the process.
 * Call it before anything is written to the socket; repeated calls do no harm.
 */
export function guard (socket: Socket): void {
  if (!socket.listeners('error').includes(destroyThis)) socket.on('error', destroyThis)
}

function destroyThis (this: Socket): void {
  this.destroy()
}

/**
 * Writes an answer to a bare socket and closes it within `lingerMs`, whatever the caller does. Until then it reads what the
 * caller sends: closing with unread bytes causes a reset, which can destroy the answer.
 */
export function endWith (socket: Socket, answer: string, lingerMs: number): void {
  guard(socket)
  const timer = setTimeout(() => socket.destroy(), lingerMs)
  socket.once('close', () => clearTimeout(timer))
  socket.end(answer)
  socket.resume()
}

/**
 * Reads and drops the rest of a request's body, so that the answer is not lost in a reset. Resolves when the body has
 * ended, when more than `maxBytes` came, or when nothing came for `idleMs`.
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
