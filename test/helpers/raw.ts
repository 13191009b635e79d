// The two doors without a client in between: whatever bytes a hostile one may send.
import { once } from 'node:events'
import { connect as tcpConnect, type Socket } from 'node:net'
import { WebSocket, type ClientOptions } from 'ws'
import { eventually } from './eventually.ts'
import { HOST } from './ports.ts'
import type { Scope } from './scope.ts'
import { within } from './within.ts'

export interface RawSocket {
  socket: Socket
  send (bytes: string | Buffer): void
  /** Everything that came so far. */
  received (): string
  isClosed (): boolean
  closed (timeoutMs?: number): Promise<void>
}

/** A TCP connection to a port of this machine. */
export async function rawConnect (t: Scope, port: number): Promise<RawSocket> {
  const socket = tcpConnect({ host: HOST, port })
  let received = ''
  let isClosed = false
  socket.on('data', chunk => { received += chunk.toString('latin1') })
  // A reset is one way of being closed.
  socket.on('error', () => socket.destroy())
  socket.once('close', () => { isClosed = true })
  t.teardown(() => { socket.destroy() })
  await once(socket, 'connect')
  return {
    socket,
    send: bytes => { socket.write(bytes) },
    received: () => received,
    isClosed: () => isClosed,
    closed: async (timeoutMs = 5000) => { await eventually(() => isClosed, timeoutMs) }
  }
}

/** Sends one request as it is, and resolves with the whole answer when the server has closed. */
export async function rawRequest (t: Scope, port: number, text: string, timeoutMs?: number): Promise<string> {
  const raw = await rawConnect(t, port)
  raw.send(text)
  await raw.closed(timeoutMs)
  return raw.received()
}

export interface RawWebSocket {
  socket: WebSocket
  send (frame: string | Buffer): void
  /** Every frame that came so far. */
  frames: string[]
  /** The first frame, past or future, that begins so. */
  frame (start: string, timeoutMs?: number): Promise<string>
  isClosed (): boolean
  closed (timeoutMs?: number): Promise<void>
}

/** Engine.IO over a plain WebSocket, up to its open packet; nobody is authenticated yet. */
export async function openWebSocket (t: Scope, url: string, options: ClientOptions = {}, query = ''): Promise<RawWebSocket> {
  const socket = new WebSocket(`${url.replace('http', 'ws')}/socket.io/?EIO=4&transport=websocket${query}`, options)
  const frames: string[] = []
  let isClosed = false
  socket.on('message', data => { frames.push(String(data)) })
  socket.on('close', () => { isClosed = true })
  t.teardown(() => { socket.terminate() })
  const raw: RawWebSocket = {
    socket,
    send: frame => { socket.send(frame) },
    frames,
    frame: (start, timeoutMs) => eventually(() => frames.find(frame => frame.startsWith(start)), timeoutMs),
    isClosed: () => isClosed,
    closed: async timeoutMs => { await eventually(() => isClosed, timeoutMs) }
  }
  await within(10_000, 'open', once(socket, 'open'))
  // The server may end a connection in the middle of whatever is sent.
  socket.on('error', () => socket.terminate())
  await raw.frame('0')
  return raw
}

/** As `openWebSocket`, and connected to Socket.IO with a token. */
export async function rawSession (t: Scope, url: string, token: string): Promise<RawWebSocket> {
  const raw = await openWebSocket(t, url)
  raw.send(`40${JSON.stringify({ token })}`)
  await raw.frame('40')
  return raw
}
