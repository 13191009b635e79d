// Socket.IO on Fastify's server. Who may connect is decided here; what a connection may ask, in services/requests.
import { randomBytes } from 'node:crypto'
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { FastifyInstance } from 'fastify'
import type { Server, Socket } from 'socket.io'
import * as parser from 'socket.io-parser'
import { WebSocketServer, type ServerOptions } from 'ws'
import { RoomcastError, toRoomcastError, type ErrorCode } from '../services/wire/errors.ts'
import type { Identity } from '../services/access/identity.ts'
import { isAllowedOrigin, listOrigins } from '../services/access/origin.ts'
import { terminate } from '../services/sessions/send-buffer.ts'
import { failure } from '../services/wire/protocol.ts'
import { RawJson } from '../services/wire/raw-json.ts'
import { createRate } from '../services/access/rate.ts'
import { listen } from '../services/sessions/requests/gateway.ts'
import type { RequestContext } from '../services/sessions/requests/context.ts'
import { createSession } from '../services/sessions/session.ts'
import { discardBody, endWith } from '../services/sessions/refusal.ts'
import { guardUpgrades, ignoreOtherUpgrades } from '../services/sessions/upgrades.ts'
import type { Publisher } from '../services/broker/publisher.ts'
import type { Readiness } from '../services/instances/readiness.ts'
import { bearerToken, type Authenticator } from './auth.ts'
import fastifySocketIO, { type SocketIOOptions } from './fastify-socket-io.ts'
import type { People } from './people.ts'
import type { Base, Updates } from './updates.ts'

const CONNECT = String(parser.PacketType.CONNECT)
/** A connection that was asked to close is cut off after this long: promised is 1 s. */
const CLOSE_GRACE_MS = 900

/** One to a connection. What it throws at ends the connection. */
class StrictDecoder extends parser.Decoder {
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

/** A WebSocket that nobody wants is asked to close, and must not stay for ws's 30 s. */
class PromptWebSocketServer extends WebSocketServer {
  constructor (options: ServerOptions) {
    super({ ...options, closeTimeout: CLOSE_GRACE_MS } as ServerOptions)
  }
}

/** Writes what is JSON already as it is. */
class RawEncoder extends parser.Encoder {
  override encode (packet: parser.Packet): unknown[] {
    const data: unknown = packet.data
    if (!Array.isArray(data) || !data.some(part => part instanceof RawJson)) return super.encode(packet)
    return [`${packet.type}${packet.id ?? ''}[${data.map(part => part instanceof RawJson ? part.text : JSON.stringify(part)).join(',')}]`]
  }
}

interface Handshake {
  identity: Identity
  startedAt: number
}

export interface SocketParts extends Base, Updates, People {
  authenticator: Authenticator
  publisher: Publisher
  readiness: Readiness
}

export async function openSockets (fastify: FastifyInstance, {
  settings, metrics, log, broker, authenticator, commands, sessions, presence, feeds, publisher, readiness
}: SocketParts): Promise<Server> {
  const origins = listOrigins(settings.CORS_ORIGINS)
  const connectionRate = createRate(settings.CONNECTIONS_PER_SECOND, settings.CONNECTION_BURST)
  const handshakes = new WeakMap<Socket, Handshake>()
  const authenticated = new WeakSet<Socket['conn']>()
  const context: RequestContext = {
    feeds, publisher, presence, isRevoked: commands.isRevoked, verifyToken: authenticator.verify, settings, metrics, log
  }

  await fastify.register(fastifySocketIO, {
    path: settings.SOCKET_PATH,
    serveClient: settings.NODE_ENV !== 'production',
    transports: ['polling', 'websocket'],
    cors: (request: IncomingMessage, done: (error: null, options: object) => void) => {
      done(null, { origin: isAllowedOrigin(request.headers.origin, request.headers.host, origins), credentials: true })
    },
    maxHttpBufferSize: settings.MAX_PACKET_BYTES,
    pingInterval: settings.PING_INTERVAL_MS,
    pingTimeout: settings.PING_TIMEOUT_MS,
    // Ours comes first, counts, and does not wait for a client that does not read.
    connectTimeout: settings.AUTH_TIMEOUT_MS + CLOSE_GRACE_MS,
    perMessageDeflate: false,
    wsEngine: PromptWebSocketServer,
    // What is not for sockets is answered as if it had offered no upgrade.
    destroyUpgrade: false,
    httpCompression: false,
    parser: { ...parser, Encoder: RawEncoder, Decoder: StrictDecoder },
    preClose: closeConnections
  } as SocketIOOptions)
  const { io } = fastify as unknown as { io: Server }
  guardUpgrades(fastify.server)
  ignoreOtherUpgrades(fastify.server, settings.SOCKET_PATH)
  // The name of the instance comes first, so that nginx can keep long polling on it.
  io.engine.generateId = () => `${settings.INSTANCE_NAME || broker.instance}.${randomBytes(15).toString('base64url')}`
  io.engine.use(onEngineRequest)
  io.engine.on('connection_error', ({ code }: { code: number }) => metrics.connections.inc({ outcome: `engine/${code}` }))
  io.engine.on('connection', watchNew)
  io.use((socket, next) => { void onHandshake(socket, next) })
  io.on('connection', onConnection)
  return io

  // ── Before a session exists ───────────────────────────────────────────────

  function onEngineRequest (request: IncomingMessage & { _query?: Record<string, string> }, response: ServerResponse, next: () => void): void {
    if (!isAllowedOrigin(request.headers.origin, request.headers.host, origins)) return refuse(request, response, 'auth/foreign-origin')
    // A script tag sends no Origin.
    if (request._query?.['j'] !== undefined) return refuse(request, response, 'request/invalid')
    if (request._query?.['sid'] !== undefined) {
      response.once('finish', () => { if (response.statusCode === 413) countPacketTooLarge() })
      return next()
    }
    const refusal = refusalOfNew()
    if (refusal === undefined) return next()
    refuse(request, response, refusal)
  }

  function refusalOfNew (): ErrorCode | undefined {
    if (readiness.isDraining()) return 'server/draining'
    if (!commands.isCaughtUp()) return 'server/not-ready'
    if (io.engine.clientsCount >= settings.MAX_SOCKETS) return 'limit/sockets-per-instance'
    if (!connectionRate.take()) return 'limit/connection-rate'
  }

  /** Stock clients try again after a refusal at the engine. */
  function refuse (request: IncomingMessage, response: ServerResponse, code: ErrorCode): void {
    const error = new RoomcastError(code)
    metrics.connections.inc({ outcome: code })
    if (code.startsWith('limit/')) metrics.limits.inc({ limit: code.slice('limit/'.length) })
    const body = JSON.stringify(failure(error.toBody()))
    const headers = {
      'Content-Type': 'application/json; charset=utf-8',
      'Content-Length': Buffer.byteLength(body),
      ...error.headers(),
      Connection: 'close'
    }
    // Engine.io's response to an upgrade is a mock that writes nothing.
    if (request.headers.upgrade === undefined) {
      void discardBody(request, { maxBytes: settings.MAX_PACKET_BYTES, idleMs: settings.LINGER_MS })
        .then(() => response.writeHead(error.status, headers).end(body))
    } else {
      const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`).join('')
      endWith(request.socket, `HTTP/1.1 ${error.status} Refused\r\n${lines}\r\n${body}`, settings.LINGER_MS)
    }
  }

  /** What a connection may not do, with a session or without. */
  function watchNew (connection: Socket['conn']): void {
    // Of long polling; engine.io's own 30 s would keep the process of a host from ending.
    Object.assign(connection.transport, { closeTimeout: CLOSE_GRACE_MS })
    const timer = setTimeout(() => {
      if (authenticated.has(connection)) return
      metrics.limits.inc({ limit: 'auth-time' })
      terminate(connection)
    }, settings.AUTH_TIMEOUT_MS)
    connection.once('close', (_reason: string, cause: unknown) => {
      clearTimeout(timer)
      // Engine.io keeps only the text of what ws says.
      if (cause instanceof Error && cause.message.includes('Max payload size exceeded')) countPacketTooLarge()
    })
  }

  function countPacketTooLarge (): void {
    metrics.limits.inc({ limit: 'packet-bytes' })
  }

  // ── A session ─────────────────────────────────────────────────────────────

  async function onHandshake (socket: Socket, next: (error?: Error) => void): Promise<void> {
    const startedAt = Date.now()
    try {
      const token = takeToken(socket)
      if (token === undefined) throw new RoomcastError('auth/missing-token')
      const identity = await authenticator.verify(token)
      if (commands.isRevoked(identity)) throw new RoomcastError('auth/token-revoked')
      if (sessions.ofUser(identity.sub).length >= settings.MAX_SOCKETS_PER_USER) {
        metrics.limits.inc({ limit: 'sockets-per-user' })
        throw new RoomcastError('limit/sockets-per-user')
      }
      handshakes.set(socket, { identity, startedAt })
      next()
    } catch (error) {
      const known = toRoomcastError(error)
      if (known.code === 'server/internal') log.error({ err: error }, 'handshake failed')
      metrics.connections.inc({ outcome: known.code })
      // Not for good: only a transport that closes makes a stock client try again.
      if (known.code === 'auth/keys-unavailable') socket.conn.close()
      else next(Object.assign(new Error(known.code), { data: known.toBody() }))
    }
  }

  function onConnection (socket: Socket): void {
    const handshake = handshakes.get(socket)
    if (handshake === undefined) return socket.conn.close()
    handshakes.delete(socket)
    authenticated.add(socket.conn)
    const session = createSession({ socket, ...handshake, presence, settings, metrics })
    sessions.add(session)
    metrics.connections.inc({ outcome: 'connected' })
    socket.once('disconnect', reason => {
      sessions.remove(session)
      metrics.disconnects.inc({ reason })
      // A connection has one session: nothing else can come over it, and it would stay open for nobody.
      socket.conn.close()
    })
    listen(session, context)
    // Several handshakes at once have all passed the check before the first of them was counted.
    if (sessions.ofUser(session.identity().sub).length > settings.MAX_SOCKETS_PER_USER) {
      metrics.limits.inc({ limit: 'sockets-per-user' })
      session.close('limit/sockets-per-user')
    }
    // The session stands where commands find it; what came in between is looked up.
    commands.checkNew(session)
  }

  /** Closes transports, not sessions: stock clients reconnect, to another instance. */
  function closeConnections (done: () => void): void {
    const open = () => Object.values(connectionsOf(io))
    for (const connection of open()) connection.close()
    if (open().length === 0) return done()
    const timer = setTimeout(() => {
      clearInterval(poll)
      for (const connection of open()) terminate(connection)
      done()
    }, CLOSE_GRACE_MS)
    const poll = setInterval(() => {
      if (open().length > 0) return
      clearInterval(poll)
      clearTimeout(timer)
      done()
    }, 10)
    timer.unref()
    poll.unref()
  }
}

function connectionsOf (io: Server): Record<string, Socket['conn']> {
  return (io.engine as unknown as { clients: Record<string, Socket['conn']> }).clients
}

/** Takes the token out of the handshake: it is not kept. */
function takeToken (socket: Socket): string | undefined {
  const { auth, headers } = socket.handshake
  const given: unknown = auth['token']
  const header = headers.authorization
  delete auth['token']
  delete headers.authorization
  delete socket.request.headers.authorization
  socket.request.rawHeaders.length = 0
  if (given !== undefined && typeof given !== 'string') throw new RoomcastError('auth/invalid-token')
  return given ?? bearerToken(header)
}
