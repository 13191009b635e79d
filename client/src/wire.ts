// The words of the wire. Written by `npm run docs` from services/wire/: do not change it here.

export type ErrorCode =
  | 'auth/missing-token'
  | 'auth/invalid-token'
  | 'auth/token-expired'
  | 'auth/token-revoked'
  | 'auth/token-not-yet-valid'
  | 'auth/forbidden'
  | 'auth/foreign-origin'
  | 'auth/keys-unavailable'
  | 'auth/disconnected'
  | 'auth/unsubscribed'
  | 'request/invalid'
  | 'request/not-found'
  | 'request/timeout'
  | 'publish/payload-too-large'
  | 'presence/state-too-large'
  | 'limit/event-rate'
  | 'limit/publish-rate'
  | 'limit/read-rate'
  | 'limit/rooms-per-instance'
  | 'limit/command-rate'
  | 'limit/rooms-per-socket'
  | 'limit/sockets-per-user'
  | 'limit/sockets-per-instance'
  | 'limit/connection-rate'
  | 'limit/slow-client'
  | 'limit/auth-time'
  | 'limit/control-frame-rate'
  | 'history/insufficient'
  | 'broker/unavailable'
  | 'broker/timeout'
  | 'server/draining'
  | 'server/not-ready'
  | 'server/internal'

export interface StreamPosition {
  /** id of the room's offset sequence */
  epoch: string
  /** position in the room: 1, 2, 3 … without holes */
  offset: number
}

/** an update as members receive it; an ephemeral one has no offset */
export interface Update {
  /** what happened, in the words of the app */
  event: string
  /** any JSON up to MAX_PAYLOAD_BYTES */
  payload: unknown
  /** who: the `sub` of a token */
  userId: string
  /** the caller's own id of an update, to repeat it safely */
  id: string
  /** a workspace or app id */
  workspaceId: string
  /** a workspace or app id */
  appId: string
  /** id of the room's offset sequence */
  epoch: string
  /** position in the room: 1, 2, 3 … without holes */
  offset?: number
  /** milliseconds since 1970 */
  publishedAt: number
}

export interface Collaborator {
  /** who: the `sub` of a token */
  userId: string
  /** `name` of the token, else its `sub` */
  displayName: string
  /** where PRESENCE_SHARE_EMAIL is set */
  email?: string
  /** `picture` of the token */
  photoURL: string | null
  /** from a hash of the user id */
  color: string
  /** one for each connection, such as a tab */
  sessions: Array<{
    /** socket id */
    id: string
    /** what this session says that it does: any JSON up to PRESENCE_STATE_BYTES; null where it says nothing */
    state: unknown
  }>
}

export interface PresenceList {
  /** empty above PRESENCE_MAX, where only the count is told */
  collaborators: Collaborator[]
  /** people in the room, over all instances */
  count: number
}

export interface PresenceChange {
  /** a workspace or app id */
  workspaceId: string
  /** a workspace or app id */
  appId: string
  /** who came */
  joined: Collaborator[]
  /** who went */
  left: Collaborator[]
  /** whose sessions, or what they say, changed */
  changed: Collaborator[]
  /** people in the room, over all instances */
  count: number
}

export interface SubscribeResult {
  /** id of the room's offset sequence */
  epoch: string
  /** position in the room: 1, 2, 3 … without holes */
  offset: number
  /** everything after `since` is delivered */
  recovered: boolean
  /** how many updates that is */
  missed: number
}

export interface Receipt {
  /** the caller's own id of an update, to repeat it safely */
  id: string
  /** id of the room's offset sequence */
  epoch: string
  offset: number | null
  duplicate: boolean
  /** instances the broker handed it to; 0: nobody listens */
  instances: number
}

export interface ErrorBody {
  code: ErrorCode
  name: string
  /** what is wrong and what to do */
  message: string
  /** the same may succeed later */
  retryable: boolean
}

export interface ApplicationResponse {
  /** SUBSCRIBE, UNSUBSCRIBE, PUBLISH, PRESENCE or AUTHENTICATE */
  event: string
  payload: {
    /** a workspace or app id */
    workspaceId?: string
    /** a workspace or app id */
    appId?: string
  }
  status: 'SUCCESS' | 'ERROR'
  data: unknown
  error: ErrorBody | null
}

export interface Unsubscribed {
  /** a workspace or app id */
  workspaceId: string
  /** a workspace or app id */
  appId: string
  code: 'history/insufficient' | 'auth/token-expired' | 'auth/token-revoked' | 'auth/forbidden' | 'auth/unsubscribed' | 'broker/unavailable' | 'server/internal'
  /** what is wrong and what to do */
  message: string
}

export interface TokenExpiring {
  /** milliseconds since 1970 */
  expiresAt: number
  /** a workspace or app id */
  workspaceId?: string
  /** a workspace or app id */
  appId?: string
}

export interface Closing {
  code: 'auth/token-expired' | 'auth/token-revoked' | 'auth/disconnected' | 'limit/event-rate' | 'limit/sockets-per-user'
  message: string
  /** false: not by itself; a fresh token may do */
  reconnect: boolean
}

export interface Draining {
  /** until this instance closes the connection */
  reconnectInMs: number
}
