// Who a connection belongs to and what it may do: by its own token, and by tokens for single rooms. All of them expire.
import { add, can, type Action, type Capabilities } from '../access/capabilities.ts'
import type { Identity } from '../access/identity.ts'
import type { TokenExpiring } from '../wire/protocol.ts'
import { roomKey, roomName, type RoomKey, type RoomName } from '../wire/rooms.ts'
import type { Settings } from '../settings.ts'

export interface Credentials {
  readonly identity: Identity
  /** When the next token expires or must be announced as expiring, in milliseconds since 1970. */
  readonly dueAt: number
  /** Replaces the connection's token by a fresh one of the same user. */
  renew (identity: Identity): void
  /** Adds the actions of a room token until it expires or is dropped. */
  addRoomToken (room: RoomKey, identity: Identity): void
  dropRoomToken (room: RoomKey): void
  roomToken (room: RoomKey): Identity | undefined
  roomsWithToken (): RoomKey[]
  /** The capabilities of the connection's token and the room token combined. */
  capabilities (room: RoomName): Capabilities
  allows (action: Action, room: RoomName): boolean
  /**
   * What is due: tokens to announce as expiring, and expired tokens. Expired room tokens are dropped.
   * @param now milliseconds since 1970
   */
  takeDue (now: number): Due
}

interface Due {
  expiring: TokenExpiring[]
  /** The connection's own token has expired. */
  isOver: boolean
  /** Rooms whose token has expired. */
  rooms: RoomName[]
}

interface HeldToken {
  identity: Identity
  isAnnounced: boolean
}

export function createCredentials (identity: Identity, settings: Settings): Credentials {
  return new HeldCredentials(identity, settings)
}

/** A class, because closures would cost each connection a kilobyte. */
class HeldCredentials implements Credentials {
  dueAt = Infinity
  private readonly settings: Settings
  private own: HeldToken
  private ofRooms: Map<RoomKey, HeldToken> | undefined

  constructor (identity: Identity, settings: Settings) {
    this.settings = settings
    this.own = hold(identity)
    this.schedule()
  }

  get identity (): Identity {
    return this.own.identity
  }

  renew (identity: Identity): void {
    this.own = hold(identity)
    this.schedule()
  }

  addRoomToken (room: RoomKey, identity: Identity): void {
    this.ofRooms ??= new Map()
    this.ofRooms.set(room, hold(identity))
    this.schedule()
  }

  dropRoomToken (room: RoomKey): void {
    this.ofRooms?.delete(room)
  }

  roomToken (room: RoomKey): Identity | undefined {
    return this.ofRooms?.get(room)?.identity
  }

  roomsWithToken (): RoomKey[] {
    return [...this.ofRooms?.keys() ?? []]
  }

  capabilities (room: RoomName): Capabilities {
    const added = this.roomToken(roomKey(room))?.capabilities
    return added === undefined ? this.identity.capabilities : add(this.identity.capabilities, added)
  }

  allows (action: Action, room: RoomName): boolean {
    return can(this.capabilities(room), action, room)
  }

  takeDue (now: number): Due {
    const due: Due = { expiring: [], isOver: now >= this.identity.expiresAt, rooms: [] }
    for (const [room, token] of this.ofRooms ?? []) {
      if (now >= token.identity.expiresAt) {
        this.dropRoomToken(room)
        due.rooms.push(roomName(room))
      } else if (this.isToBeAnnounced(token, now)) {
        due.expiring.push({ expiresAt: token.identity.expiresAt, ...roomName(room) })
      }
    }
    if (!due.isOver && this.isToBeAnnounced(this.own, now)) due.expiring.push({ expiresAt: this.identity.expiresAt })
    this.schedule()
    return due
  }

  private isToBeAnnounced (token: HeldToken, now: number): boolean {
    if (token.isAnnounced || now < this.announcedAt(token)) return false
    token.isAnnounced = true
    return true
  }

  private announcedAt ({ identity }: HeldToken): number {
    return identity.expiresAt - this.settings.TOKEN_EXPIRING_SECONDS * 1000
  }

  private schedule (): void {
    this.dueAt = this.nextOf(this.own)
    for (const token of this.ofRooms?.values() ?? []) this.dueAt = Math.min(this.dueAt, this.nextOf(token))
  }

  private nextOf (token: HeldToken): number {
    return token.isAnnounced ? token.identity.expiresAt : this.announcedAt(token)
  }
}

function hold (identity: Identity): HeldToken {
  return { identity, isAnnounced: false }
}
