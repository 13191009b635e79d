// The rooms of a socket: joins, leaves, recovers and reviews them, and sends positions to clients that keep them.
import type { Socket } from 'socket.io'
import { authorize } from '../access/capabilities.ts'
import type { Attempt } from './attempts.ts'
import type { Credentials } from './credentials.ts'
import { errorCodes, RoomcastError, toRoomcastError, type ErrorCode } from '../wire/errors.ts'
import type { Feed } from '../feeds/feed.ts'
import { limitError } from '../observe/limits.ts'
import { createLock, type Lock } from '../feeds/lock.ts'
import type { MembershipContext, Memberships } from './memberships.ts'
import type { Packet } from '../feeds/packet.ts'
import type { Batch } from '../feeds/batch.ts'
import { RoomMember, type MemberConnection } from './room-member.ts'
import { roomKey, roomName, type RoomKey, type RoomName } from '../wire/rooms.ts'
import { MOST_POSITIONS, positionText } from '../wire/positions.ts'
import type { SendBuffer } from './send-buffer.ts'
import { UNSUBSCRIBED_CODES, type StreamPosition, type SubscribeResult, type Unsubscribed, type UnsubscribedCode } from '../wire/protocol.ts'
import type { Watcher } from '../presence/announcer.ts'

/** @param keepsPositions the client is a stock one, which sends its positions back when it reconnects */
export function createMemberships (
  socket: Socket, sendBuffer: SendBuffer, credentials: Credentials, keepsPositions: boolean, context: MembershipContext
): Memberships {
  return new SocketMemberships(socket, sendBuffer, credentials, keepsPositions, context)
}

/** Calls and notices that wait for the end of a hold. */
interface Held {
  callbacks: Array<() => void>
  pendingNotices: Unsubscribed[]
}

/** A class, because closures would cost each connection a kilobyte. */
class SocketMemberships implements Memberships, MemberConnection, Watcher {
  private readonly sendBuffer: SendBuffer
  private readonly context: MembershipContext
  private lock: Lock | undefined
  private held: Held | undefined
  private readonly socket: Socket
  private readonly credentials: Credentials
  private readonly keepsPositions: boolean
  private readonly members = new Map<RoomKey, RoomMember>()

  constructor (socket: Socket, sendBuffer: SendBuffer, credentials: Credentials, keepsPositions: boolean, context: MembershipContext) {
    this.socket = socket
    this.sendBuffer = sendBuffer
    this.credentials = credentials
    this.keepsPositions = keepsPositions
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

  renewal (room: RoomKey, since: StreamPosition | undefined): SubscribeResult | undefined {
    const member = this.members.get(room)
    if (member === undefined) return undefined
    const { began } = member
    const position = member.feed.positionOf(member)
    const renewed: SubscribeResult = { ...position, recovered: began !== undefined, missed: 0 }
    if (since === undefined) return renewed
    // A recovered connection has already got everything from `began` on.
    const isCovered = began !== undefined && since.epoch === position.epoch && since.offset >= began && since.offset <= position.offset
    return isCovered ? renewed : undefined
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
        this.admit(member, attempt, joined)
        answer(joined)
        this.showPresence(room)
      })
    } catch (error) {
      if (before !== undefined) this.end(room, unsubscribedCode(toRoomcastError(error).code))
      throw error
    }
  }

  async recover (feed: Feed, since: StreamPosition, attempt: Attempt): Promise<void> {
    const member = new RoomMember(feed, this)
    member.began = since.offset
    await feed.join(member, since, joined => {
      if (!joined.recovered) throw new RoomcastError('history/insufficient')
      this.admit(member, attempt, joined)
    })
  }

  private admit (member: RoomMember, attempt: Attempt, { epoch }: SubscribeResult): void {
    // The token, or the subscription itself, may have ended while the history was read.
    attempt.assertStanding()
    authorize(this.credentials.capabilities(roomName(member.room)), 'subscribe', roomName(member.room))
    this.assertRoomLimit(member.room)
    if (!this.members.has(member.room)) this.context.metrics.subscriptions.inc()
    // Collected updates leave first, with the positions before this change.
    this.context.flush()
    member.epoch = epoch
    this.members.set(member.room, member)
  }

  leave (room: RoomName): void {
    this.forget(roomKey(room), 'left')
    this.credentials.dropRoomToken(roomKey(room))
  }

  end (room: RoomName, code: UnsubscribedCode): void {
    // A client that must subscribe again keeps its room token, and does not leave presence meanwhile.
    const mayReturn = code === 'history/insufficient'
    if (!mayReturn) this.credentials.dropRoomToken(roomKey(room))
    if (!this.members.has(roomKey(room))) return
    this.forget(roomKey(room), mayReturn ? 'disconnect' : 'left')
    const ended: Unsubscribed = { ...room, code, message: errorCodes[code].message }
    if (this.held === undefined) this.notify('unsubscribed', ended)
    else this.held.pendingNotices.push(ended)
  }

  review (room: RoomName, code: UnsubscribedCode): void {
    if (!this.members.has(roomKey(room))) return
    if (this.credentials.allows('subscribe', room)) this.showPresence(room)
    else this.end(room, code)
  }

  hold (): void {
    this.held = { callbacks: [], pendingNotices: [] }
  }

  release (): void {
    const { held } = this
    if (held === undefined) return
    this.held = undefined
    for (const ended of held.pendingNotices) this.notify('unsubscribed', ended)
    for (const room of this.rooms()) this.showPresence(roomName(room))
    for (const callback of held.callbacks) callback()
  }

  clear (isForGood: boolean): void {
    for (const room of this.rooms()) this.forget(room, isForGood ? 'left' : 'disconnect')
    const { held } = this
    this.held = undefined
    for (const callback of held?.callbacks ?? []) callback()
  }

  notify (event: 'application_response' | 'unsubscribed', data: object): void {
    if (!this.keepsPositions) {
      this.socket.emit(event, data)
      return
    }
    // Collected updates leave first, because they change the positions.
    this.context.flush()
    this.socket.emit(event, data, this.members.size > MOST_POSITIONS ? '' : this.positions())
  }

  private positions (except?: RoomMember): string {
    let text = ''
    for (const member of this.members.values()) {
      if (member !== except) text += `${text === '' ? '' : ';'}${positionText(member.room, member)}`
    }
    return text
  }

  // ── For its members ───────────────────────────────────────────────────────

  get caller (): string { return this.credentials.identity.sub }

  /** Created on first use: most connections never need it. */
  get replayLock (): Lock {
    this.lock ??= createLock()
    return this.lock
  }

  deliver (member: RoomMember, batch: Batch): void {
    if (!this.keepsPositions || this.members.size > MOST_POSITIONS) return this.sendBuffer.send(batch.packet)
    if (this.members.size === 1) return this.sendBuffer.send(batch.positioned)
    // Collected updates of other rooms leave first. Otherwise their newer positions could be written before this packet.
    this.context.flush()
    this.sendBuffer.send(batch.positionedWith(this.positions(member)))
  }

  isFull (): boolean {
    return this.held !== undefined || this.sendBuffer.isFull()
  }

  isLagging (): boolean {
    return this.held !== undefined || this.sendBuffer.lagging() > this.context.settings.EPHEMERAL_MAX_BUFFERED_BYTES
  }

  whenDrained (callback: () => void): void {
    if (this.held === undefined) this.sendBuffer.whenDrained(callback)
    else this.held.callbacks.push(callback)
  }

  onEnd (room: RoomKey, code: ErrorCode): void {
    this.end(roomName(room), unsubscribedCode(code))
  }

  // The connection as presence sees it.

  get id (): string { return this.socket.id }

  send (packet: Packet): void {
    this.context.flush()
    this.sendBuffer.send(packet)
  }

  private showPresence (room: RoomName): void {
    const { presence } = this.context
    if (this.credentials.allows('presence', room)) presence.join(roomKey(room), this, this.credentials.identity)
    else presence.leave(roomKey(room), this.socket.id, 'left')
  }

  private forget (room: RoomKey, reason: 'left' | 'disconnect'): void {
    const member = this.members.get(room)
    if (member === undefined) return
    this.context.flush()
    this.members.delete(room)
    this.context.metrics.subscriptions.dec()
    member.feed.leave(member)
    this.context.presence.leave(room, this.socket.id, reason)
  }
}

function unsubscribedCode (code: ErrorCode): UnsubscribedCode {
  return UNSUBSCRIBED_CODES.find(known => known === code) ?? 'server/internal'
}
