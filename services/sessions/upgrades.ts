// A server that listens for upgrades at all gets every request that offers one, and Node has then let go of its parser.
// Clients of HTTP offer h2c of their own accord (Java's, curl --http2): such an offer may be ignored, and is (RFC 9110, 7.8).
import type { IncomingMessage, Server, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import { guard } from './refusal.ts'

/** The one of Engine.IO, and two of ours. */
const OWN_LISTENERS = 3
/** A WebSocket that the host has not answered by then is nobody's; as Engine.IO has it. */
const HOST_ANSWERS_MS = 1000
/** Headers that mean the connection, not the request. */
const OF_THE_OFFER = new Set(['upgrade', 'connection', 'http2-settings'])

/** Listeners for the close of a socket before Engine.IO saw it. */
const CLOSE_LISTENERS = Symbol('close listeners')
type Offered = Socket & { [CLOSE_LISTENERS]?: unknown[] | undefined, _httpMessage?: ServerResponse | null }

/** Guards the socket of every offer, before any other listener sees it: Node has taken its own error handler off. */
export function guardUpgrades (server: Server): void {
  server.prependListener('upgrade', (_request: IncomingMessage, socket: Offered) => {
    guard(socket)
    socket[CLOSE_LISTENERS] = socket.listeners('close')
  })
}

/** Answers over HTTP/1.1 what offers an upgrade and is not for sockets: the request is read once more without its offer. */
export function ignoreOtherUpgrades (server: Server, socketPath: string): void {
  server.on('upgrade', (request: IncomingMessage, socket: Offered, rest: Buffer) => {
    if (request.url?.startsWith(socketPath) === true) return releaseResponse(socket)
    const mayBeOfHost = server.listenerCount('upgrade') > OWN_LISTENERS && request.headers.upgrade?.toLowerCase() === 'websocket'
    if (mayBeOfHost) return endUnlessAnswered(socket)
    const readAgain = () => {
      if (socket.destroyed) return
      socket.unshift(Buffer.concat([Buffer.from(headOf(request), 'latin1'), rest]))
      server.emit('encrypted' in socket ? 'secureConnection' : 'connection', socket)
    }
    // The answer to a request before it, whose sequence Node would lose.
    const before = socket._httpMessage
    if (before) before.once('finish', readAgain)
    else readAgain()
  })
}

/** Engine.IO's mock of a response waits for the close of the socket, and would keep the request for as long. */
function releaseResponse (socket: Offered): void {
  const before = socket[CLOSE_LISTENERS] ?? []
  for (const listener of socket.listeners('close')) if (!before.includes(listener)) socket.off('close', listener as () => void)
  socket[CLOSE_LISTENERS] = undefined
}

function endUnlessAnswered (socket: Socket): void {
  const written = socket.bytesWritten
  setTimeout(() => { if (socket.bytesWritten === written) socket.destroy() }, HOST_ANSWERS_MS).unref()
}

function headOf ({ method, url, httpVersion, rawHeaders, headers }: IncomingMessage): string {
  let head = `${method} ${url} HTTP/${httpVersion}\r\n`
  for (let i = 0; i < rawHeaders.length; i += 2) {
    if (!OF_THE_OFFER.has(rawHeaders[i]?.toLowerCase() ?? '')) head += `${rawHeaders[i]}: ${rawHeaders[i + 1]}\r\n`
  }
  const isLast = /\bclose\b/i.test(headers.connection ?? '')
  return `${head}${isLast ? 'Connection: close\r\n' : ''}\r\n`
}
