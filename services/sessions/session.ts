// One authenticated connection: its credentials, its rooms, and how it ends.
import type { Socket } from 'socket.io'
import type { Capabilities } from '../access/capabilities.ts'
import { createAttempts, type Attempt } from './attempts.ts'
import type { Connections } from './connections.ts'
import { createCredentials, type Credentials } from './credentials.ts'
import { errorCodes } from '../wire/errors.ts'
import type { Feed } from '../feeds/feed.ts'
import type { Identity } from '../access/identity.ts'
import type { MembershipContext, Memberships } from './memberships.ts'
import type { SendBuffer } from './send-buffer.ts'
import { createMemberships } from './socket-memberships.ts'
import type { Closing, ClosingCode, SubscribeResult, StreamPosition, UnsubscribedCode } from '../wire/protocol.ts'
import { roomKey, roomName, type RoomKey, type RoomName } from '../wire/rooms.ts'

export interface Session {
  readonly id: string
  readonly socket: Socket
  readonly sendBuffer: SendBuffer
  /** When the handshake began, by performance.now(). */
  readonly startedAt: number
  /** The client's address, as far as trusted proxies report it. */
  readonly address: string
  /** When one of its tokens expires or must be announced, in milliseconds since 1970. */
  readonly dueAt: number
  identity (): Identity
  roomToken (room: RoomKey): Identity | undefined
  /** Rooms with a room token, including those that are being joined. */
  roomsWithToken (): RoomKey[]
  isOpen (): boolean
  isMember (room: RoomKey): boolean
  /** Registers a SUBSCRIBE: whatever ends the subscription from now on ends it too. */
  attempt (room: RoomKey): Attempt
  /** Whether it is a member or about to become one. */
  isConcerned (room: RoomKey): boolean
  /** The answer to a SUBSCRIBE that changes nothing; undefined if the room must be joined. */
  renewal (room: RoomKey, since: StreamPosition | undefined): SubscribeResult | undefined
  rooms (): RoomKey[]
  /** The position up to which this socket has received the room's updates; undefined if it is not a member. */
  position (room: RoomKey): StreamPosition | undefined
  /** The capabilities of the connection's token and the room token combined. */
  capabilities (room: RoomName): Capabilities
  /** Takes a fresh token of the same user, and leaves rooms that it does not allow. */
  renew (identity: Identity): void
  /** Adds the actions of a room token until it expires or the room is left. */
  addRoomToken (room: RoomName, identity: Identity): void
  /** @throws RoomcastError `limit/rooms-per-socket` */
  assertRoomLimit (room: RoomKey): void
  /** @throws RoomcastError if the subscription is not allowed, or was ended meanwhile */
  join (feed: Feed, since: StreamPosition | undefined, attempt: Attempt, answer: (joined: SubscribeResult) => void): Promise<void>
  /** From now on rooms can be recovered, and nothing is written: CONNECT is not answered yet. */
  hold (): void
  /** @throws RoomcastError where not everything after `since` can be had, or the subscription may not be */
  recover (feed: Feed, since: StreamPosition, attempt: Attempt): Promise<void>
  /** Nothing is recovered: the session begins without rooms. */
  giveUp (): void
  /** CONNECT is answered. */
  release (): void
  /** Tells an event that goes with a change of rooms, together with the positions after it where the client keeps them. */
  notify (event: 'application_response', data: object): void
  leave (room: RoomName): void
  /** Ends a subscription, even one that is being made, and tells the client. */
  endMembership (room: RoomName, code: UnsubscribedCode): void
  /** Announces expiring tokens to the client, and applies the end of expired ones. @param now milliseconds since 1970 */
  onDue (now: number): void
  /** Ends the connection for good and tells the client, which does not reconnect on its own. */
  close (code: ClosingCode): void
  /** Ends only the transport, so that a stock client reconnects. */
  evict (): void
}

/** The parts that all sessions share. */
export interface SessionContext extends MembershipContext {
  connections: Connections
  /** Its tokens have changed. */
  onTokens: (session: Session) => void
  onEnd: (session: Session, reason: string) => void
}

/** What is kept of it. */
export interface Handshake {
  identity: Identity
  /** By performance.now(). */
  startedAt: number
  address: string
  /** The client is a stock one, which sends its positions back when it reconnects. */
  keepsPositions: boolean
}

export function createSession (socket: Socket, handshake: Handshake, context: SessionContext): Session {
  return new SocketSession(socket, handshake, context)
}

/** A class, because closures would cost each connection a kilobyte. */
class SocketSession implements Session {
  readonly socket: Socket
  readonly sendBuffer: SendBuffer
  readonly startedAt: number
  readonly address: string
  private readonly context: SessionContext
  private readonly credentials: Credentials
  private readonly memberships: Memberships
  private readonly attempts = createAttempts()
  private onGone: (() => void) | undefined

  constructor (socket: Socket, { identity, startedAt, address, keepsPositions }: Handshake, context: SessionContext) {
    this.socket = socket
    this.startedAt = startedAt
    this.address = address
    this.context = context
    this.sendBuffer = context.connections.bufferOf(socket.conn)
    this.credentials = createCredentials(identity, context.settings)
    this.memberships = createMemberships(socket, this.sendBuffer, this.credentials, keepsPositions, context)
    socket.on('disconnect', reason => this.onDisconnect(reason))
  }

  get id (): string { return this.socket.id }
  get dueAt (): number { return this.credentials.dueAt }
  identity (): Identity { return this.credentials.identity }
  roomToken (room: RoomKey): Identity | undefined { return this.credentials.roomToken(room) }
  roomsWithToken (): RoomKey[] { return this.credentials.roomsWithToken() }
  capabilities (room: RoomName): Capabilities { return this.credentials.capabilities(room) }
  isOpen (): boolean { return this.socket.connected }
  isMember (room: RoomKey): boolean { return this.memberships.has(room) }
  renewal (room: RoomKey, since: StreamPosition | undefined): SubscribeResult | undefined { return this.memberships.renewal(room, since) }
  rooms (): RoomKey[] { return this.memberships.rooms() }

  position (room: RoomKey): StreamPosition | undefined { return this.memberships.position(room) }
  assertRoomLimit (room: RoomKey): void { this.memberships.assertRoomLimit(room) }
  notify (event: 'application_response', data: object): void { this.memberships.notify(event, data) }
  leave (room: RoomName): void { this.memberships.leave(room) }
  attempt (room: RoomKey): Attempt { return this.attempts.begin(room) }
  isConcerned (room: RoomKey): boolean { return this.memberships.has(room) || this.attempts.has(room) }

  join (feed: Feed, since: StreamPosition | undefined, attempt: Attempt, answer: (joined: SubscribeResult) => void): Promise<void> {
    return this.memberships.join(feed, since, attempt, answer)
  }

  hold (): void {
    this.memberships.hold()
    // Socket.IO says nothing of one that goes before CONNECT is answered.
    this.onGone = () => this.giveUp()
    this.socket.conn.once('close', this.onGone)
  }

  recover (feed: Feed, since: StreamPosition, attempt: Attempt): Promise<void> {
    return this.memberships.recover(feed, since, attempt)
  }

  giveUp (): void {
    this.forgetGone()
    this.attempts.endAll('history/insufficient')
    this.memberships.clear(true)
  }

  release (): void {
    this.forgetGone()
    this.memberships.release()
  }

  private forgetGone (): void {
    if (this.onGone !== undefined) this.socket.conn.off('close', this.onGone)
    this.onGone = undefined
  }

  endMembership (room: RoomName, code: UnsubscribedCode): void {
    this.attempts.end(roomKey(room), code)
    this.memberships.end(room, code)
  }

  renew (identity: Identity): void {
    if (!this.isOpen()) return
    this.credentials.renew(identity)
    this.context.onTokens(this)
    for (const room of this.memberships.rooms()) this.memberships.review(roomName(room), 'auth/forbidden')
  }

  addRoomToken (room: RoomName, identity: Identity): void {
    if (!this.isOpen()) return
    this.credentials.addRoomToken(roomKey(room), identity)
    this.context.onTokens(this)
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

/** The code with which a browser closes the WebSockets of a page that is left (RFC 6455, section 7.4.1). */
const GOING_AWAY = 1001

/** Whether the client or the server ended the connection on purpose, so that the client does not reconnect. */
function isFinal (reason: string, { conn }: Socket): boolean {
  if (reason === 'server namespace disconnect' || reason === 'client namespace disconnect') return true
  // ws passes the code only to listeners, and engine.io's listener runs first.
  const { socket } = conn.transport as unknown as { socket?: { _closeCode?: number } }
  return reason === 'transport close' && socket?._closeCode === GOING_AWAY
}
