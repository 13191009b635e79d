// The rooms of a connection: how it joins and leaves them, and how the server ends a subscription.
import type { Socket } from 'socket.io'
import { authorize } from '../access/capabilities.ts'
import type { Attempt } from './attempts.ts'
import type { Credentials } from './credentials.ts'
import { errorCodes, RoomcastError, toRoomcastError, type ErrorCode } from '../wire/errors.ts'
import type { Feed } from '../feeds/feed.ts'
import { limitError } from '../observe/limits.ts'
import { createLock, type Lock } from '../feeds/lock.ts'
import type { Member } from '../feeds/member.ts'
import type { Metrics } from '../observe/metrics.ts'
import type { Packet } from '../feeds/packet.ts'
import type { Presence } from '../presence/presence.ts'
import type { Batch } from '../feeds/relay.ts'
import { roomKey, roomName, type RoomKey, type RoomName } from '../wire/rooms.ts'
import type { SendBuffer } from './send-buffer.ts'
import type { Settings } from '../settings.ts'
import { UNSUBSCRIBED_CODES, type StreamPosition, type SubscribeResult, type Unsubscribed, type UnsubscribedCode } from '../wire/protocol.ts'
import type { Watcher } from '../presence/announcer.ts'

export interface Memberships {
  has (room: RoomKey): boolean
  rooms (): RoomKey[]
  /** The position up to which this socket has received the room's updates; undefined if it is not a member. */
  position (room: RoomKey): StreamPosition | undefined
  /** @throws RoomcastError `limit/rooms-per-socket` */
  assertRoomLimit (room: RoomKey): void
  /** @throws RoomcastError if the subscription is not allowed, or was ended meanwhile */
  join (feed: Feed, since: StreamPosition | undefined, attempt: Attempt, answer: (joined: SubscribeResult) => void): Promise<void>
  /** The client leaves a room. Its room token is dropped too. */
  leave (room: RoomName): void
  /** The server ends a subscription and tells the client. */
  end (room: RoomName, code: UnsubscribedCode): void
  /** Applies changed capabilities: leaves a room that is no longer allowed, and adapts presence. */
  review (room: RoomName, code: UnsubscribedCode): void
  /** Leaves all rooms after the connection has ended. @param isForGood the client will not reconnect on its own */
  clear (isForGood: boolean): void
}

export interface MembershipContext {
  presence: Presence
  /** Sends the updates collected in this turn, because something else is about to be sent. */
  flush: () => void
  settings: Settings
  metrics: Metrics
}

export function createMemberships (socket: Socket, sendBuffer: SendBuffer, credentials: Credentials, context: MembershipContext): Memberships {
  return new SocketMemberships(socket, sendBuffer, credentials, context)
}

/** Both are classes, because closures would cost each connection a kilobyte. */
class SocketMemberships implements Memberships, Watcher {
  readonly sendBuffer: SendBuffer
  readonly context: MembershipContext
  private lock: Lock | undefined
  private readonly socket: Socket
  private readonly credentials: Credentials
  private readonly members = new Map<RoomKey, RoomMember>()

  constructor (socket: Socket, sendBuffer: SendBuffer, credentials: Credentials, context: MembershipContext) {
    this.socket = socket
    this.sendBuffer = sendBuffer
    this.credentials = credentials
    this.context = context
  }

  has (room: RoomKey): boolean {
    return this.members.has(room)
  }

  rooms (): RoomKey[] {
    return [...this.members.keys()]
  }

  position (room: RoomKey): StreamPosition | undefined {
    const member = this.members.get(room)
    return member?.feed.positionOf(member)
  }

  assertRoomLimit (room: RoomKey): void {
    const { MAX_ROOMS_PER_SOCKET: most } = this.context.settings
    if (this.members.has(room) || this.members.size < most) return
    throw limitError(this.context.metrics, 'rooms-per-socket', `This socket is in ${most} rooms, its limit (MAX_ROOMS_PER_SOCKET): leave a room first.`)
  }

  async join (feed: Feed, since: StreamPosition | undefined, attempt: Attempt, answer: (joined: SubscribeResult) => void): Promise<void> {
    const room = roomName(feed.room)
    const member = new RoomMember(feed, this)
    const before = this.members.get(feed.room)
    before?.feed.leave(before)
    try {
      await feed.join(member, since, joined => {
        if (!this.socket.connected) throw new RoomcastError('request/invalid', 'The connection ended during the SUBSCRIBE.')
        // A token or the subscription may also have ended while the history was read.
        attempt.assertStanding()
        authorize(this.credentials.capabilities(room), 'subscribe', room)
        this.assertRoomLimit(feed.room)
        if (!this.members.has(feed.room)) this.context.metrics.subscriptions.inc()
        this.members.set(feed.room, member)
        answer(joined)
        this.showPresence(room)
      })
    } catch (error) {
      if (before !== undefined) this.end(room, unsubscribedCode(toRoomcastError(error).code))
      throw error
    }
  }

  leave (room: RoomName): void {
    this.forget(roomKey(room), 'left')
    this.credentials.dropRoomToken(roomKey(room))
  }

  end (room: RoomName, code: UnsubscribedCode): void {
    // A client that must subscribe again keeps its room token, and does not seem to leave meanwhile.
    const mayReturn = code === 'history/insufficient'
    if (!mayReturn) this.credentials.dropRoomToken(roomKey(room))
    if (!this.members.has(roomKey(room))) return
    this.forget(roomKey(room), mayReturn ? 'disconnect' : 'left')
    const ended: Unsubscribed = { ...room, code, message: errorCodes[code].message }
    this.socket.emit('unsubscribed', ended)
  }

  review (room: RoomName, code: UnsubscribedCode): void {
    if (!this.members.has(roomKey(room))) return
    if (this.credentials.allows('subscribe', room)) this.showPresence(room)
    else this.end(room, code)
  }

  clear (isForGood: boolean): void {
    for (const room of this.rooms()) this.forget(room, isForGood ? 'left' : 'disconnect')
  }

  get caller (): string { return this.credentials.identity.sub }

  /** Created on first use: most connections never need it. */
  get replayLock (): Lock {
    this.lock ??= createLock()
    return this.lock
  }

  // The connection as presence sees it.
  get id (): string { return this.socket.id }
  send (packet: Packet): void {
    this.context.flush()
    this.sendBuffer.send(packet)
  }

  isFull (): boolean { return this.sendBuffer.isFull() }
  whenDrained (callback: () => void): void { this.sendBuffer.whenDrained(callback) }

  private showPresence (room: RoomName): void {
    const { presence } = this.context
    if (this.credentials.allows('presence', room)) presence.join(roomKey(room), this, this.credentials.identity)
    else presence.leave(roomKey(room), this.socket.id, 'left')
  }

  private forget (room: RoomKey, reason: 'left' | 'disconnect'): void {
    const member = this.members.get(room)
    if (member === undefined) return
    this.members.delete(room)
    this.context.metrics.subscriptions.dec()
    member.feed.leave(member)
    this.context.presence.leave(room, this.socket.id, reason)
  }
}

class RoomMember implements Member {
  position = 0
  readonly feed: Feed
  private readonly memberships: SocketMemberships

  constructor (feed: Feed, memberships: SocketMemberships) {
    this.feed = feed
    this.memberships = memberships
  }

  deliver ({ packet }: Batch): void {
    this.memberships.sendBuffer.send(packet)
  }

  get caller (): string { return this.memberships.caller }
  get replayLock (): Lock { return this.memberships.replayLock }

  isFull (): boolean {
    return this.memberships.isFull()
  }

  isLagging (): boolean {
    return this.memberships.sendBuffer.lagging() > this.memberships.context.settings.EPHEMERAL_MAX_BUFFERED_BYTES
  }

  whenDrained (callback: () => void): void {
    this.memberships.whenDrained(callback)
  }

  end (code: ErrorCode): void {
    this.memberships.end(roomName(this.feed.room), unsubscribedCode(code))
  }
}

function unsubscribedCode (code: ErrorCode): UnsubscribedCode {
  return UNSUBSCRIBED_CODES.find(known => known === code) ?? 'server/internal'
}
