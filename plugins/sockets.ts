// Socket.IO on Fastify's server. Decides who may connect; services/sessions/requests handles the requests.
import { randomBytes } from 'node:crypto'
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { FastifyInstance } from 'fastify'
import type { Server, Socket } from 'socket.io'
import { RoomcastError, toRoomcastError, type ErrorCode } from '../services/wire/errors.ts'
import { createAddressOf } from '../services/access/address.ts'
import { isAllowedOrigin, listOrigins } from '../services/access/origin.ts'
import { createConnections } from '../services/sessions/connections.ts'
import { limitControlFrames } from '../services/sessions/control-frames.ts'
import { NoRooms } from '../services/sessions/no-rooms.ts'
import { parser } from '../services/sessions/parser.ts'
import { countLimit, limitError } from '../services/observe/limits.ts'
import { failure } from '../services/wire/protocol.ts'
import { createRate } from '../services/access/rate.ts'
import { createGateway } from '../services/sessions/requests/gateway.ts'
import { createSession, type Session, type SessionContext } from '../services/sessions/session.ts'
import { createStockRecovery } from '../services/sessions/stock-recovery.ts'
import { discardBody, endWith } from '../services/sessions/refusal.ts'
import { guardUpgrades, ignoreOtherUpgrades } from '../services/sessions/upgrades.ts'
import type { Publisher } from '../services/broker/publisher.ts'
import type { Readiness } from '../services/instances/readiness.ts'
import { bearerToken, type Authenticator } from './auth.ts'
import fastifySocketIO, { type SocketIOOptions } from './fastify-socket-io.ts'
import type { People } from './people.ts'
import type { Base, Updates } from './updates.ts'

/** Longer than our own timeout for authentication, which is counted and also ends clients that do not read. */
const AFTER_AUTH_TIMEOUT_MS = 1000

/** Token errors that can pass on their own. */
const FOR_NOW = new Set<ErrorCode>(['auth/keys-unavailable', 'auth/token-not-yet-valid'])

interface SocketParts extends Base, Updates, People {
  authenticator: Authenticator
  publisher: Publisher
  readiness: Readiness
}

export async function openSockets (fastify: FastifyInstance, {
  settings, metrics, log, broker, authenticator, commands, sessions, presence, feeds, publisher, readiness
}: SocketParts): Promise<Server> {
  const origins = listOrigins(settings.CORS_ORIGINS)
  const connectionRate = createRate(settings.CONNECTIONS_PER_SECOND, settings.CONNECTION_BURST)
  /** Sessions without an answer to their CONNECT yet. */
  const arriving = new WeakMap<Socket, Session>()
  const stockRecovery = createStockRecovery({ feeds, settings, metrics, log })
  const addressOf = createAddressOf(settings)
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
    connectTimeout: settings.AUTH_TIMEOUT_MS + AFTER_AUTH_TIMEOUT_MS,
    perMessageDeflate: false,
    wsEngine: limitControlFrames({ onHeld: webSocket => connections.onHeld(webSocket), settings, metrics, log }),
    adapter: NoRooms,
    // Other upgrade requests are answered as if they offered no upgrade.
    destroyUpgrade: false,
    httpCompression: false,
    parser,
    preClose: (done: () => void) => { connections.close().then(done, done) }
  } as SocketIOOptions)
  const { io } = fastify as unknown as { io: Server }
  metrics.socketsMax.set(settings.MAX_SOCKETS)
  const connections = createConnections({ engine: io.engine, flush: feeds.flush, settings, metrics, log })
  guardUpgrades(fastify.server)
  ignoreOtherUpgrades(fastify.server, settings.SOCKET_PATH)
  const gateway = createGateway({
    feeds, publisher, presence, isRevoked: commands.isRevoked, verifyToken: authenticator.verify, settings, metrics, log
  })
  const sessionContext: SessionContext = { connections, onTokens: sessions.onTokens, onEnd, flush: feeds.flush, presence, settings, metrics }
  // The id starts with the instance name, so that nginx can route long polling to this instance.
  io.engine.generateId = () => `${settings.INSTANCE_NAME || broker.instance}.${randomBytes(15).toString('base64url')}`
  io.engine.use(onEngineRequest)
  io.engine.on('connection_error', ({ code }: { code: number }) => metrics.connections.inc({ outcome: `engine/${code}` }))
  io.use((socket, next) => { void onHandshake(socket, next) })
  io.on('connection', onConnection)
  return io

  // ── Before a session exists ───────────────────────────────────────────────

  function onEngineRequest (request: IncomingMessage & { _query?: Record<string, string> }, response: ServerResponse, next: () => void): void {
    if (!isAllowedOrigin(request.headers.origin, request.headers.host, origins)) return refuse(request, response, 'auth/foreign-origin')
    // A script element sends no Origin header.
    if (request._query?.['j'] !== undefined) return refuse(request, response, 'request/invalid')
    if (request._query?.['sid'] !== undefined) {
      response.once('finish', () => { if (response.statusCode === 413) countLimit(metrics, 'packet-bytes') })
      if (request.method === 'GET' && request.headers.upgrade === undefined) connections.onPoll(request._query['sid'], response)
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

  /** Refuses in the engine, so that stock clients retry. */
  function refuse (request: IncomingMessage, response: ServerResponse, code: ErrorCode): void {
    const error = new RoomcastError(code)
    metrics.connections.inc({ outcome: code })
    if (code.startsWith('limit/')) countLimit(metrics, code.slice('limit/'.length))
    const body = JSON.stringify(failure(error.toBody()))
    const headers = {
      'Content-Type': 'application/json; charset=utf-8',
      'Content-Length': Buffer.byteLength(body),
      ...error.headers(),
      Connection: 'close'
    }
    // For an upgrade, engine.io's response is a mock that writes nothing.
    if (request.headers.upgrade === undefined) {
      void discardBody(request, { maxBytes: settings.MAX_PACKET_BYTES, idleMs: settings.LINGER_MS })
        .then(() => response.writeHead(error.status, headers).end(body))
    } else {
      const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`).join('')
      endWith(request.socket, `HTTP/1.1 ${error.status} Refused\r\n${lines}\r\n${body}`, settings.LINGER_MS)
    }
  }

  // ── A session ─────────────────────────────────────────────────────────────

  async function onHandshake (socket: Socket, next: (error?: Error) => void): Promise<void> {
    const startedAt = performance.now()
    try {
      const token = takeToken(socket)
      if (token === undefined) throw new RoomcastError('auth/missing-token')
      const identity = await authenticator.verify(token)
      if (commands.isRevoked(identity)) throw new RoomcastError('auth/token-revoked')
      if (sessions.ofUser(identity.sub).length >= settings.MAX_SOCKETS_PER_USER) throw limitError(metrics, 'sockets-per-user')
      // The client has gone meanwhile, so Socket.IO forgets the socket.
      if (socket.conn.readyState !== 'open') return next()
      const { auth } = socket.handshake
      const keepsPositions = stockRecovery.isWanted(auth)
      const session = createSession(socket, { identity, startedAt, address: addressOf(socket.request), keepsPositions }, sessionContext)
      arriving.set(socket, session)
      // Socket.IO answers CONNECT with this.
      if (keepsPositions) Object.assign(socket, { pid: await stockRecovery.comeBack(session, auth) })
      if (identity.expiresAt <= Date.now()) throw new RoomcastError('auth/token-expired')
      next()
    } catch (error) {
      arriving.get(socket)?.giveUp()
      const known = toRoomcastError(error)
      if (known.code === 'server/internal') log.error({ err: error }, 'handshake failed by a bug: please report this line')
      metrics.connections.inc({ outcome: known.code })
      // Not final: a stock client retries only after its transport was closed. Socket.IO then forgets this socket.
      if (!FOR_NOW.has(known.code)) return next(Object.assign(new Error(known.code), { data: known.toBody() }))
      socket.conn.close()
      next()
    }
  }

  function onConnection (socket: Socket): void {
    const session = arriving.get(socket)
    if (session === undefined) return socket.conn.close()
    arriving.delete(socket)
    connections.onAuthenticated(socket.conn)
    forgetHandshake(socket)
    sessions.add(session)
    metrics.connections.inc({ outcome: 'connected' })
    gateway.listen(session)
    // Concurrent handshakes may all have passed the earlier check.
    if (sessions.ofUser(session.identity().sub).length > settings.MAX_SOCKETS_PER_USER) {
      countLimit(metrics, 'sockets-per-user')
      session.close('limit/sockets-per-user')
    }
    // Commands find the session from now on. Check those that came during the handshake.
    commands.checkNew(session)
    session.release()
  }

  function onEnd (session: Session, reason: string): void {
    sessions.remove(session)
    metrics.disconnects.inc({ reason })
    connections.onSessionEnd(session.socket.conn)
  }
}

/** Frees the handshake request and its headers, which a session does not need. */
function forgetHandshake (socket: Socket): void {
  Object.assign(socket, { handshake: undefined })
  Object.assign(socket.conn, { request: undefined })
}

/** Reads the token and removes it from the handshake, so that it is not kept. */
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
