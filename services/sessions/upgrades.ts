// Once a server listens for upgrades, Node detaches its parser from every request that offers one. Clients offer h2c on
// their own (Java, curl --http2). Such an offer may be ignored (RFC 9110, section 7.8), so it is.
import type { IncomingMessage, Server, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import { guard } from './refusal.ts'

/** The upgrade listeners of Engine.IO (one) and of this file (two). */
const OWN_LISTENERS = 3
/** A WebSocket that nobody has answered by then is destroyed; Engine.IO uses the same time. */
const HOST_ANSWERS_MS = 1000
/** Headers of the connection, not of the request. */
const OF_THE_OFFER = new Set(['upgrade', 'connection', 'http2-settings'])

/** The 'close' listeners of a socket before Engine.IO added its own. */
const CLOSE_LISTENERS = Symbol('close listeners')
type Offered = Socket & { [CLOSE_LISTENERS]?: unknown[] | undefined, _httpMessage?: ServerResponse | null }

/** Adds an error handler before any other listener runs, because Node has removed its own. */
export function guardUpgrades (server: Server): void {
  server.prependListener('upgrade', (_request: IncomingMessage, socket: Offered) => {
    guard(socket)
    socket[CLOSE_LISTENERS] = socket.listeners('close')
  })
}

/** Answers other upgrade requests over HTTP/1.1: the request is parsed again without its offer. */
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
    // Wait for the answer to an earlier request, because Node would lose their order.
    const before = socket._httpMessage
    if (before) before.once('finish', readAgain)
    else readAgain()
  })
}

/** Engine.IO's response mock listens for 'close', and would keep the request in memory until then. */
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
