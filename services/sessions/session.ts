// One authenticated connection: its credentials, the rooms it is in, and how it ends.
import type { Socket } from 'socket.io'
import type { Action, Capabilities } from '../access/capabilities.ts'
import { createAttempts, type Attempt } from './attempts.ts'
import type { Connections } from './connections.ts'
import { createCredentials, type Credentials } from './credentials.ts'
import { errorCodes } from '../wire/errors.ts'
import type { Feed } from '../feeds/feed.ts'
import type { Identity } from '../access/identity.ts'
import { createMemberships, type MembershipContext, type Memberships } from './memberships.ts'
import type { SendBuffer } from './send-buffer.ts'
import type { Closing, ClosingCode, SubscribeResult, StreamPosition, UnsubscribedCode } from '../wire/protocol.ts'
import { roomKey, roomName, type RoomKey, type RoomName } from '../wire/rooms.ts'

export interface Session {
  readonly id: string
  readonly socket: Socket
  readonly sendBuffer: SendBuffer
  /** When the handshake began, by performance.now(). */
  readonly startedAt: number
  /** Where it comes from, as far as the proxies that are trusted tell. */
  readonly address: string
  /** When a token of it ends or is to be announced, in milliseconds since 1970. */
  readonly dueAt: number
  identity (): Identity
  roomToken (room: RoomKey): Identity | undefined
  /** Rooms with a room token, also those that are only being joined. */
  roomsWithToken (): RoomKey[]
  isOpen (): boolean
  isMember (room: RoomKey): boolean
  /** A SUBSCRIBE has come in: from now on the end of a subscription counts for it as well. */
  attempt (room: RoomKey): Attempt
  /** A member, or about to become one. */
  isConcerned (room: RoomKey): boolean
  /** Up to where this socket was given the room's updates; undefined where it is no member. */
  position (room: RoomKey): StreamPosition | undefined
  rooms (): RoomKey[]
  /** What the connection's token and the room's token allow together. */
  capabilities (room: RoomName): Capabilities
  allows (action: Action, room: RoomName): boolean
  /** A fresh token of the same user: rooms it does not allow any more are left. */
  renew (identity: Identity): void
  /** Adds a room token's actions until its end, or until the room is left. */
  addRoomToken (room: RoomName, identity: Identity): void
  /** @throws RoomcastError `limit/rooms-per-socket` */
  assertRoomLimit (room: RoomKey): void
  /** @throws RoomcastError where the subscription may not be, or was ended meanwhile */
  join (feed: Feed, since: StreamPosition | undefined, attempt: Attempt, answer: (joined: SubscribeResult) => void): Promise<void>
  leave (room: RoomName): void
  /** The server ends a subscription, also one that is only under way; the client is told. */
  endMembership (room: RoomName, code: UnsubscribedCode): void
  /** Tells the client of tokens that are about to end, and acts on those that have ended. */
  onDue (now: number): void
  /** The server ends the connection for good; the client is told, and does not come back by itself. */
  close (code: ClosingCode): void
  /** Ends the transport only: a stock client reconnects. */
  evict (): void
}

/** What all sessions share. */
export interface SessionContext extends MembershipContext {
  connections: Connections
  onEnd: (session: Session, reason: string) => void
}

/** What is kept of it. */
export interface Handshake {
  identity: Identity
  startedAt: number
  address: string
}

export function createSession (socket: Socket, handshake: Handshake, context: SessionContext): Session {
  return new SocketSession(socket, handshake, context)
}

/** A class: closures would cost each of the many connections a kilobyte. */
class SocketSession implements Session {
  readonly socket: Socket
  readonly sendBuffer: SendBuffer
  readonly startedAt: number
  readonly address: string
  private readonly context: SessionContext
  private readonly credentials: Credentials
  private readonly memberships: Memberships
  private readonly attempts = createAttempts()

  constructor (socket: Socket, { identity, startedAt, address }: Handshake, context: SessionContext) {
    this.socket = socket
    this.startedAt = startedAt
    this.address = address
    this.context = context
    this.sendBuffer = context.connections.bufferOf(socket.conn)
    this.credentials = createCredentials(identity, context.settings)
    this.memberships = createMemberships(socket, this.sendBuffer, this.credentials, context)
    socket.on('disconnect', reason => this.onDisconnect(reason))
  }

  get id (): string { return this.socket.id }
  get dueAt (): number { return this.credentials.dueAt }
  identity (): Identity { return this.credentials.identity }
  roomToken (room: RoomKey): Identity | undefined { return this.credentials.roomToken(room) }
  roomsWithToken (): RoomKey[] { return this.credentials.roomsWithToken() }
  capabilities (room: RoomName): Capabilities { return this.credentials.capabilities(room) }
  allows (action: Action, room: RoomName): boolean { return this.credentials.allows(action, room) }

  isOpen (): boolean { return this.socket.connected }
  isMember (room: RoomKey): boolean { return this.memberships.has(room) }
  position (room: RoomKey): StreamPosition | undefined { return this.memberships.position(room) }
  rooms (): RoomKey[] { return this.memberships.rooms() }
  assertRoomLimit (room: RoomKey): void { this.memberships.assertRoomLimit(room) }
  leave (room: RoomName): void { this.memberships.leave(room) }
  attempt (room: RoomKey): Attempt { return this.attempts.begin(room) }
  isConcerned (room: RoomKey): boolean { return this.memberships.has(room) || this.attempts.has(room) }

  join (feed: Feed, since: StreamPosition | undefined, attempt: Attempt, answer: (joined: SubscribeResult) => void): Promise<void> {
    return this.memberships.join(feed, since, attempt, answer)
  }

  endMembership (room: RoomName, code: UnsubscribedCode): void {
    this.attempts.end(roomKey(room), code)
    this.memberships.end(room, code)
  }

  renew (identity: Identity): void {
    if (!this.isOpen()) return
    this.credentials.renew(identity)
    for (const room of this.memberships.rooms()) this.memberships.review(roomName(room), 'auth/forbidden')
  }

  addRoomToken (room: RoomName, identity: Identity): void {
    if (!this.isOpen()) return
    this.credentials.addRoomToken(roomKey(room), identity)
    this.memberships.review(room, 'auth/forbidden')
  }

  onDue (now: number): void {
    const { expiring, isOver, rooms } = this.credentials.takeDue(now)
    for (const room of rooms) this.memberships.review(room, 'auth/token-expired')
    for (const token of expiring) this.socket.emit('token_expiring', token)
    if (isOver) this.close('auth/token-expired')
  }

  close (code: ClosingCode): void {
    if (!this.isOpen()) return
    const closing: Closing = { code, message: errorCodes[code].message, reconnect: false }
    this.socket.emit('closing', closing)
    this.socket.disconnect(true)
    this.context.connections.end(this.socket.conn, code)
  }

  evict (): void {
    this.context.connections.end(this.socket.conn, 'server/draining')
  }

  private onDisconnect (reason: string): void {
    this.memberships.clear(isFinal(reason, this.socket))
    for (const room of this.credentials.roomsWithToken()) this.credentials.dropRoomToken(room)
    this.context.onEnd(this, reason)
  }
}

/** The code with which a browser closes the WebSockets of a page that goes away (RFC 6455, 7.4.1). */
const GOING_AWAY = 1001

/** Whether a client left on purpose, or was put out, and does not come back by itself. */
function isFinal (reason: string, { conn }: Socket): boolean {
  if (reason === 'server namespace disconnect' || reason === 'client namespace disconnect') return true
  // ws tells the code only to listeners, of which engine.io's comes first.
  const { socket } = conn.transport as unknown as { socket?: { _closeCode?: number } }
  return reason === 'transport close' && socket?._closeCode === GOING_AWAY
}
