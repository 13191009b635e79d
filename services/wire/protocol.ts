// Every message of the wire, one TypeBox schema each: validation, types and documents derive from these.
import { Type, type Static, type TSchema } from '@sinclair/typebox'
import { errorCodes, type ErrorCode } from './errors.ts'

const nullable = <T extends TSchema>(schema: T) => Type.Union([schema, Type.Null()])

export const Id = Type.String({ pattern: '^[A-Za-z0-9_.-]{1,64}$', description: 'a workspace or app id' })
export const EventName = Type.String({ pattern: '^[A-Za-z0-9_.:-]{1,64}$', description: 'what happened, in the words of the app' })
export const UpdateId = Type.String({ pattern: '^[\\x21-\\x7e]{1,128}$', description: "the caller's own id of an update, to repeat it safely" })
export const UserId = Type.String({ minLength: 1, maxLength: 256, description: 'who: the `sub` of a token' })
export const Epoch = Type.String({ pattern: '^[A-Za-z0-9_-]{1,64}$', description: "id of the room's offset sequence" })
export const Offset = Type.Integer({ minimum: 0, maximum: Number.MAX_SAFE_INTEGER, description: 'position in the room: 1, 2, 3 … without holes' })
export const Time = Type.Integer({ description: 'milliseconds since 1970' })
const TokenText = (description: string) => Type.String({ minLength: 1, description })
const IsEphemeral = Type.Boolean({ description: 'not kept, no offset, not repeated: for cursors and typing' })
const Count = Type.Integer({ minimum: 0, description: 'people in the room, over all instances' })
const Payload = Type.Unknown({ description: 'any JSON up to MAX_PAYLOAD_BYTES' })

export const RoomRef = Type.Object({ workspaceId: Id, appId: Id })

export const StreamPosition = Type.Object({ epoch: Epoch, offset: Offset })
export type StreamPosition = Static<typeof StreamPosition>

// ── What travels to the members of a room ───────────────────────────────────

export const Update = Type.Object({
  event: EventName,
  payload: Payload,
  userId: UserId,
  id: UpdateId,
  workspaceId: Id,
  appId: Id,
  epoch: Epoch,
  offset: Type.Optional(Offset),
  publishedAt: Time
}, { $id: 'Update', description: 'an update as members receive it; an ephemeral one has no offset' })
export type Update = Static<typeof Update>

export const PresenceSession = Type.Object({
  id: Type.String({ description: 'socket id' }),
  state: Type.Unknown({ description: 'the state that this session has set: any JSON up to PRESENCE_STATE_BYTES; null when none is set' })
})

export const Collaborator = Type.Object({
  userId: UserId,
  displayName: Type.String({ description: '`name` of the token, else its `sub`' }),
  email: Type.Optional(Type.String({ description: 'where PRESENCE_SHARE_EMAIL is set' })),
  photoURL: Type.Union([Type.String(), Type.Null()], { description: '`picture` of the token' }),
  color: Type.String({ pattern: '^#[0-9a-f]{6}$', description: 'from a hash of the user id' }),
  sessions: Type.Array(PresenceSession, { description: 'one for each connection, such as a tab' })
}, { $id: 'Collaborator' })
export type Collaborator = Static<typeof Collaborator>

export const PresenceList = Type.Object({
  collaborators: Type.Array(Collaborator, { description: 'empty above PRESENCE_MAX: only the count is sent' }),
  count: Count
})
export type PresenceList = Static<typeof PresenceList>

export const PresenceChange = Type.Object({
  ...RoomRef.properties,
  joined: Type.Array(Collaborator, { description: 'collaborators who joined' }),
  left: Type.Array(Collaborator, { description: 'collaborators who left' }),
  changed: Type.Array(Collaborator, { description: 'collaborators whose sessions or states changed' }),
  count: Count
})
export type PresenceChange = Static<typeof PresenceChange>

// ── Requests ────────────────────────────────────────────────────────────────

export const SubscribePayload = Type.Object({
  ...RoomRef.properties,
  token: Type.Optional(TokenText('a room token, which adds its actions in this room')),
  since: Type.Optional(Type.Object(StreamPosition.properties, { description: 'where the client stopped: what came after it is delivered' }))
})
export type SubscribePayload = Static<typeof SubscribePayload>

/** An `application` event names its request itself; the payload is SubscribePayload or RoomRef. */
export const ApplicationEvent = Type.Object({
  event: Type.Union([Type.Literal('SUBSCRIBE'), Type.Literal('UNSUBSCRIBE')]),
  payload: Type.Unknown()
})

export const SocketPublish = Type.Object({
  ...RoomRef.properties,
  event: EventName,
  payload: Payload,
  id: Type.Optional(UpdateId),
  ephemeral: Type.Optional(IsEphemeral)
})
export type SocketPublish = Static<typeof SocketPublish>

export const HttpPublish = Type.Object({
  ...SocketPublish.properties,
  userId: Type.Optional(UserId)
})
export type HttpPublish = Static<typeof HttpPublish>

/** A publish of the host app. The host is trusted, so it names the user. */
export const HostPublish = Type.Object({
  ...SocketPublish.properties,
  userId: UserId
})
export type HostPublish = Static<typeof HostPublish>

export const PresenceRequest = Type.Object({
  ...RoomRef.properties,
  state: Type.Optional(Type.Unknown({ description: "sets this session's state first; null clears it" }))
})
export type PresenceRequest = Static<typeof PresenceRequest>
export const AuthenticateRequest = Type.Object({ token: TokenText('a fresh token of the same user') })

export const AppChange = Type.Object({
  ...RoomRef.properties,
  displayName: Type.String({ minLength: 1, maxLength: 1024, examples: ['Plans'] })
})
export type AppChange = Static<typeof AppChange>

export const DisconnectCommand = Type.Object({ userId: UserId })
export const UnsubscribeCommand = Type.Object({ userId: UserId, ...RoomRef.properties })
export const RevokeCommand = Type.Union([
  Type.Object({ jti: Type.String({ minLength: 1, maxLength: 256 }) }),
  Type.Object({ userId: UserId, issuedBefore: Time })
])
export type RevokeCommand = Static<typeof RevokeCommand>

// ── Answers ─────────────────────────────────────────────────────────────────

export const ErrorBody = Type.Object({
  code: Type.Unsafe<ErrorCode>(Type.String({ enum: Object.keys(errorCodes) })),
  name: Type.String(),
  message: Type.String({ description: 'what is wrong and what to do' }),
  retryable: Type.Boolean({ description: 'the same may succeed later' })
}, { $id: 'Error' })

export const Receipt = Type.Object({
  id: UpdateId,
  epoch: Epoch,
  offset: nullable(Offset),
  duplicate: Type.Boolean(),
  instances: Type.Integer({ minimum: 0, description: 'how many instances received it; 0 when none is subscribed' })
})
export type Receipt = Static<typeof Receipt>

export const SubscribeResult = Type.Object({
  epoch: Epoch,
  offset: Offset,
  recovered: Type.Boolean({ description: 'everything after `since` is delivered' }),
  missed: Type.Integer({ minimum: 0, description: 'how many updates that is' })
})
export type SubscribeResult = Static<typeof SubscribeResult>

export const HistoryPage = Type.Object({
  epoch: Epoch,
  offset: Offset,
  recovered: Type.Boolean(),
  updates: Type.Array(Update)
})
export type HistoryPage = Static<typeof HistoryPage>

export const CommandResult = Type.Object({
  sockets: Type.Integer({ minimum: 0 }),
  complete: Type.Boolean({ description: 'false when a live instance did not answer' })
})
export type CommandResult = Static<typeof CommandResult>

/** The answer envelope: `{ status, data, error }`, the same over HTTP and sockets. */
export function Answer<T extends TSchema> (data: T) {
  return Type.Object({ status: Type.Literal('SUCCESS'), data, error: Type.Null() })
}
export const Failure = Type.Object({ status: Type.Literal('ERROR'), data: Type.Null(), error: ErrorBody })
export type Failure = Static<typeof Failure>

export interface Success<T> { status: 'SUCCESS', data: T, error: null }
export type Result<T> = Success<T> | Failure

export function success<T> (data: T): Success<T> {
  return { status: 'SUCCESS', data, error: null }
}

export function failure (error: Failure['error']): Failure {
  return { status: 'ERROR', data: null, error }
}

// ── Other words of the server ───────────────────────────────────────────────

export const ApplicationResponse = Type.Object({
  event: Type.String({ description: 'SUBSCRIBE, UNSUBSCRIBE, PUBLISH, PRESENCE or AUTHENTICATE' }),
  payload: Type.Partial(RoomRef),
  status: Type.Union([Type.Literal('SUCCESS'), Type.Literal('ERROR')]),
  data: Type.Unknown(),
  error: nullable(ErrorBody)
})
export type ApplicationResponse = Static<typeof ApplicationResponse>

const oneOf = <T extends ErrorCode>(codes: readonly T[]) => Type.Unsafe<T>(Type.String({ enum: [...codes] }))

/** Why the server ends a subscription while the connection stays. */
export const UNSUBSCRIBED_CODES = [
  'history/insufficient', 'auth/token-expired', 'auth/token-revoked', 'auth/forbidden', 'auth/unsubscribed',
  // A SUBSCRIBE with `since` leaves and joins in one step; these codes mean that the join failed.
  'broker/unavailable', 'server/internal'
] as const satisfies ErrorCode[]
export type UnsubscribedCode = typeof UNSUBSCRIBED_CODES[number]

export const Unsubscribed = Type.Object({ ...RoomRef.properties, code: oneOf(UNSUBSCRIBED_CODES), message: Type.String({ description: 'what is wrong and what to do' }) })
export type Unsubscribed = Static<typeof Unsubscribed>

export const TokenExpiring = Type.Object({ expiresAt: Time, ...Type.Partial(RoomRef).properties })
export type TokenExpiring = Static<typeof TokenExpiring>

/** Why the server ends a connection for good. */
export const CLOSING_CODES = [
  'auth/token-expired', 'auth/token-revoked', 'auth/disconnected', 'limit/event-rate', 'limit/sockets-per-user'
] as const satisfies ErrorCode[]
export type ClosingCode = typeof CLOSING_CODES[number]

export const Closing = Type.Object({ code: oneOf(CLOSING_CODES), message: Type.String(), reconnect: Type.Boolean({ description: 'false: not by itself; a fresh token may do' }) })
export type Closing = Static<typeof Closing>

export const Draining = Type.Object({ reconnectInMs: Type.Integer({ minimum: 0, description: 'until this instance closes the connection' }) })
export type Draining = Static<typeof Draining>
