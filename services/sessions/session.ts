// One authenticated connection: its identity, the rooms it is in, and how both end.
import type { Socket } from 'socket.io'
import { add, authorize, can, type Action, type Capabilities } from '../access/capabilities.ts'
import { RoomcastError, toRoomcastError, type ErrorCode, errorCodes } from '../wire/errors.ts'
import type { Feed } from '../feeds/feed.ts'
import type { Identity } from '../access/identity.ts'
import { createLock } from '../feeds/lock.ts'
import type { Member } from '../feeds/member.ts'
import type { Metrics } from '../observe/metrics.ts'
import { createSendBuffer, type SendBuffer } from './send-buffer.ts'
import type { Watcher } from '../presence/announcer.ts'
import type { Presence } from '../presence/presence.ts'
import type { Closing, SubscribeResult, StreamPosition, Unsubscribed } from '../wire/protocol.ts'
import { roomKey, roomName, type RoomKey, type RoomName } from '../wire/rooms.ts'
import type { Settings } from '../settings.ts'
import { watchToken } from './token-watch.ts'

/** After this long a connection that was told to close is cut off. */
const CLOSE_GRACE_MS = 1000

/** A socket in a room. */
interface Membership {
  feed: Feed
  member: Member
}

/** A token that adds actions in one room. */
interface RoomToken {
  identity: Identity
  cancel: () => void
}

export interface Session {
  readonly id: string
  readonly socket: Socket
  readonly sendBuffer: SendBuffer
  /** When the handshake was authenticated. */
  readonly startedAt: number
  identity (): Identity
  roomToken (room: RoomKey): Identity | undefined
  /** Rooms with a room token, also those that are only being joined. */
  roomsWithToken (): RoomKey[]
  isOpen (): boolean
  isMember (room: RoomKey): boolean
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
  join (feed: Feed, since: StreamPosition | undefined, answer: (joined: SubscribeResult) => void): Promise<void>
  leave (room: RoomName): void
  /** The server ends a subscription; the client is told. */
  endMembership (room: RoomName, code: ErrorCode): void
  /** The server ends the connection for good; the client is told, and does not come back by itself. */
  close (code: ErrorCode): void
  /** Ends the transport only: a stock client reconnects. */
  evict (): void
  /** Ends a connection that cannot be told any more. */
  terminate (code: ErrorCode): void
}

export interface SessionOptions {
  socket: Socket
  identity: Identity
  startedAt: number
  presence: Presence
  settings: Settings
  metrics: Metrics
}

export function createSession ({ socket, identity: first, startedAt, presence, settings, metrics }: SessionOptions): Session {
  const sendBuffer = createSendBuffer(socket.conn, settings.MAX_BUFFERED_BYTES / 4)
  const memberships = new Map<RoomKey, Membership>()
  const roomTokens = new Map<RoomKey, RoomToken>()
  const replayLock = createLock()
  const watcher: Watcher = { id: socket.id, send: sendBuffer.send, waiting: sendBuffer.waiting, whenDrained: sendBuffer.whenDrained }
  let identity = first
  let cancelTimers = watchToken(socket, first.expiresAt, settings, {}, () => close('auth/token-expired'))
  let isOpen = true

  socket.once('disconnect', reason => {
    isOpen = false
    cancelTimers()
    for (const room of [...memberships.keys()]) forget(room, isFinal(reason, socket) ? 'left' : 'disconnect')
    for (const { cancel } of roomTokens.values()) cancel()
    roomTokens.clear()
  })

  function capabilities (room: RoomName): Capabilities {
    const added = roomTokens.get(roomKey(room))?.identity.capabilities
    return added === undefined ? identity.capabilities : add(identity.capabilities, added)
  }

  function allows (action: Action, room: RoomName): boolean {
    return can(capabilities(room), action, room)
  }

  /** After capabilities changed: rooms that are not allowed any more are left, and presence follows. */
  function review (room: RoomName, code: ErrorCode): void {
    if (!memberships.has(roomKey(room))) return
    if (allows('subscribe', room)) showPresence(room)
    else endMembership(room, code)
  }

  function showPresence (room: RoomName): void {
    if (allows('presence', room)) presence.join(roomKey(room), watcher, identity)
    else presence.leave(roomKey(room), socket.id, 'left')
  }

  function forget (room: RoomKey, reason: 'left' | 'disconnect'): void {
    const membership = memberships.get(room)
    if (membership === undefined) return
    memberships.delete(room)
    metrics.subscriptions.dec()
    membership.feed.leave(membership.member)
    presence.leave(room, socket.id, reason)
  }

  function dropRoomToken (room: RoomKey): void {
    roomTokens.get(room)?.cancel()
    roomTokens.delete(room)
  }

  function endMembership (room: RoomName, code: ErrorCode): void {
    // Who is told to subscribe anew keeps the room's token, and does not seem to leave meanwhile.
    const mayReturn = code === 'history/insufficient'
    if (!mayReturn) dropRoomToken(roomKey(room))
    if (!memberships.has(roomKey(room))) return
    forget(roomKey(room), mayReturn ? 'disconnect' : 'left')
    const ended: Unsubscribed = { ...room, code, message: errorCodes[code].message }
    socket.emit('unsubscribed', ended)
  }

  function assertRoomLimit (room: RoomKey): void {
    if (memberships.has(room) || memberships.size < settings.MAX_ROOMS_PER_SOCKET) return
    metrics.limits.inc({ limit: 'rooms-per-socket' })
    throw new RoomcastError('limit/rooms-per-socket', `This socket is in ${settings.MAX_ROOMS_PER_SOCKET} rooms, the most it may be in: leave one first.`)
  }

  function createMember (room: RoomKey): Member {
    return {
      position: 0,
      caller: identity.sub,
      replayLock,
      deliver: entry => sendBuffer.send(entry.packet),
      deliverEphemeral (entry) {
        if (sendBuffer.lagging() > settings.EPHEMERAL_MAX_BUFFERED_BYTES) metrics.dropped.inc({ reason: 'lagging socket' })
        else sendBuffer.send(entry.packet)
      },
      waiting: sendBuffer.waiting,
      whenDrained: sendBuffer.whenDrained,
      end: code => endMembership(roomName(room), code)
    }
  }

  function close (code: ErrorCode): void {
    if (!isOpen) return
    const closing: Closing = { code, message: errorCodes[code].message, reconnect: false }
    metrics.disconnects.inc({ reason: code })
    socket.emit('closing', closing)
    socket.disconnect(true)
    cutOffLater()
  }

  function cutOffLater (): void {
    setTimeout(() => { if (socket.conn.readyState !== 'closed') sendBuffer.terminate() }, CLOSE_GRACE_MS).unref()
  }

  return {
    id: socket.id,
    socket,
    sendBuffer,
    startedAt,
    identity: () => identity,
    roomToken: room => roomTokens.get(room)?.identity,
    roomsWithToken: () => [...roomTokens.keys()],
    isOpen: () => isOpen,
    isMember: room => memberships.has(room),
    position (room) {
      const membership = memberships.get(room)
      return membership && { epoch: membership.feed.position().epoch, offset: membership.member.position }
    },
    rooms: () => [...memberships.keys()],
    capabilities,
    allows,

    renew (fresh) {
      if (!isOpen) return
      cancelTimers()
      identity = fresh
      cancelTimers = watchToken(socket, fresh.expiresAt, settings, {}, () => close('auth/token-expired'))
      for (const room of [...memberships.keys()]) review(roomName(room), 'auth/forbidden')
    },

    addRoomToken (room, added) {
      if (!isOpen) return
      const key = roomKey(room)
      dropRoomToken(key)
      const cancel = watchToken(socket, added.expiresAt, settings, room, () => {
        dropRoomToken(key)
        review(room, 'auth/token-expired')
      })
      roomTokens.set(key, { identity: added, cancel })
      review(room, 'auth/forbidden')
    },

    assertRoomLimit,

    async join (feed, since, answer) {
      const { room } = feed
      const member = createMember(room)
      const before = memberships.get(room)
      before?.feed.leave(before.member)
      try {
        await feed.join(member, since, joined => {
          if (!isOpen) throw new RoomcastError('request/invalid', 'The connection ended meanwhile.')
          // So may a token, while the history was read.
          authorize(capabilities(roomName(room)), 'subscribe', roomName(room))
          assertRoomLimit(room)
          if (!memberships.has(room)) metrics.subscriptions.inc()
          memberships.set(room, { feed, member })
          answer(joined)
          showPresence(roomName(room))
        })
      } catch (error) {
        if (before !== undefined) endMembership(roomName(room), toRoomcastError(error).code)
        throw error
      }
    },

    leave (room) {
      forget(roomKey(room), 'left')
      dropRoomToken(roomKey(room))
    },

    endMembership,
    close,

    evict () {
      metrics.disconnects.inc({ reason: 'server/draining' })
      socket.conn.close()
      cutOffLater()
    },

    terminate (code) {
      if (!isOpen) return
      metrics.disconnects.inc({ reason: code })
      sendBuffer.terminate()
    }
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
