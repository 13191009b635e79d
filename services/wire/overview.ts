// The pages that operators see of rooms, sessions and instances.
import { Type, type Static, type TProperties } from '@sinclair/typebox'
import { Epoch, EventName, Offset, RoomRef, StreamPosition, Time, UpdateId, UserId } from './protocol.ts'

const count = (description: string) => Type.Integer({ minimum: 0, description })
const nullable = <T extends TProperties[string]>(schema: T) => Type.Union([schema, Type.Null()])

const InstanceId = Type.String({ description: 'an instance, named anew at each start' })
export const RoomKeyText = Type.String({
  pattern: '^[A-Za-z0-9_.-]{1,64}/[A-Za-z0-9_.-]{1,64}$', description: 'workspaceId/appId', examples: ['acme/board-1']
})

const SOCKET_ID = 'x1Zk8QmT0aBcDeFgAAAB'

/** The most rows of a page. */
export const MAX_ROWS = 100
export const Limit = Type.Optional(Type.Integer({ minimum: 1, maximum: MAX_ROWS, default: MAX_ROWS, description: 'most rows of the page', examples: [MAX_ROWS] }))

/** The properties of every page. */
const page = {
  at: Type.Integer({ description: 'when this was gathered: milliseconds since 1970' }),
  complete: Type.Boolean({ description: 'false when a live instance did not answer within 1 s' })
}
const next = (example: string) => nullable(Type.String({ description: 'where the next page begins, as `after`; null: this page is the last', examples: [example] }))

// ── Rooms ───────────────────────────────────────────────────────────────────

const members = {
  members: count('users in the room; a user on two instances counts on each'),
  sockets: count('their connections'),
  behind: count('of the connections, those that have not been given all updates yet')
}

const RoomOnInstance = Type.Object({ instance: InstanceId, ...members, ...StreamPosition.properties })

const roomFields = {
  ...RoomRef.properties,
  epoch: Epoch,
  offset: Offset,
  ...members,
  updatesPerMinute: count('in about the last minute, ephemeral updates included'),
  instances: Type.Array(RoomOnInstance, { description: 'the instances with members of the room' })
}

export const RoomOverview = Type.Object(roomFields)
export type RoomOverview = Static<typeof RoomOverview>

export const RoomsPage = Type.Object({ ...page, next: next('acme/board-1'), rooms: Type.Array(RoomOverview) })
export type RoomsPage = Static<typeof RoomsPage>

/** Longer payloads are cut. */
export const SHOWN_PAYLOAD_CHARACTERS = 4096

export const RecentUpdate = Type.Object({
  id: UpdateId,
  epoch: Epoch,
  offset: Offset,
  event: EventName,
  userId: UserId,
  publishedAt: Time,
  payload: Type.Unknown({ description: `the payload; where it is cut, its first ${SHOWN_PAYLOAD_CHARACTERS} characters as a text` }),
  isCut: Type.Boolean({ description: `the payload is longer than ${SHOWN_PAYLOAD_CHARACTERS} characters of JSON` })
})
export type RecentUpdate = Static<typeof RecentUpdate>

export const RoomPage = Type.Object({ ...page, ...roomFields, updates: Type.Array(RecentUpdate, { description: 'the newest that are kept, the newest first' }) })
export type RoomPage = Static<typeof RoomPage>

// ── Sessions ────────────────────────────────────────────────────────────────

const SessionRoom = Type.Object({ ...RoomRef.properties, ...StreamPosition.properties, behind: count('updates that the connection has not been given yet') })

export const SessionOverview = Type.Object({
  id: Type.String({ description: 'socket id', examples: [SOCKET_ID] }),
  instance: InstanceId,
  transport: Type.Union([Type.Literal('websocket'), Type.Literal('polling')]),
  connectedAt: Time,
  address: nullable(Type.String({ description: 'where it comes from, as far as TRUST_PROXY lets the proxies tell; null without manage on */*' })),
  tokenEndsAt: Time,
  bytesWaiting: count('what the service holds for it and it has not taken'),
  roomCount: count('rooms it is in, as far as the caller may manage them'),
  rooms: Type.Array(SessionRoom, { description: 'the first of these rooms, each with the position up to which it was given updates' })
})
export type SessionOverview = Static<typeof SessionOverview>

const SESSION: SessionOverview = {
  id: SOCKET_ID,
  instance: 'k3j9x2aa',
  transport: 'websocket',
  connectedAt: 1767225600000,
  address: '203.0.113.7',
  tokenEndsAt: 1767229200000,
  bytesWaiting: 0,
  roomCount: 1,
  rooms: [{ workspaceId: 'acme', appId: 'board-1', epoch: 'pA3kX9sVd2Q', offset: 42, behind: 0 }]
}

export const SessionsPage = Type.Object({ ...page, next: next(SOCKET_ID), sessions: Type.Array(SessionOverview, { examples: [[SESSION]] }) })
export type SessionsPage = Static<typeof SessionsPage>

// ── Instances ───────────────────────────────────────────────────────────────

export const InstanceOverview = Type.Object({
  instance: InstanceId,
  version: Type.String(),
  startedAt: Time,
  sockets: count('connected sockets'),
  rooms: count('rooms with members there'),
  cpu: Type.Number({ minimum: 0, description: 'share of one core that the process used in the last seconds; 1 is a whole core' }),
  eventLoopDelayMs: Type.Number({ minimum: 0, description: 'how late the event loop was at most in the last second' }),
  memoryBytes: count('resident memory of the process'),
  ready: Type.Boolean(),
  reasons: Type.Array(Type.String(), { description: 'why it is not ready, as /readyz says' }),
  draining: Type.Boolean()
})
export type InstanceOverview = Static<typeof InstanceOverview>

export const InstancesPage = Type.Object({
  ...page,
  next: next('k3j9x2aa'),
  instances: Type.Array(InstanceOverview),
  silent: Type.Array(InstanceId, { description: 'instances that live and did not answer' })
})
export type InstancesPage = Static<typeof InstancesPage>

// ── Questions ───────────────────────────────────────────────────────────────

/** A page starts after a key and has at most `limit` rows. */
const Span = Type.Object({ after: Type.Optional(Type.String()), limit: Type.Integer({ minimum: 1, maximum: MAX_ROWS }) })
export type Span = Static<typeof Span>
/** The workspaces that the caller may see. */
const Workspaces = Type.Optional(Type.Array(Type.String()))

/** A question to all instances. */
export const Question = Type.Union([
  Type.Object({ ask: Type.Literal('rooms'), workspaces: Workspaces, ...Span.properties }),
  Type.Object({ ask: Type.Literal('room'), room: RoomKeyText }),
  Type.Object({ ask: Type.Literal('sessions'), userId: UserId, workspaces: Workspaces, ...Span.properties }),
  Type.Object({ ask: Type.Literal('instance') })
])
export type Question = Static<typeof Question>

const { instances: _instances, ...ofOneInstance } = roomFields
export const RoomPart = Type.Object(ofOneInstance)
export type RoomPart = Static<typeof RoomPart>

/** The answer of one instance: rows in the order of their keys; `more` if there are further rows. */
export const parts = {
  rooms: Type.Object({ rows: Type.Array(RoomPart), more: Type.Boolean() }),
  room: Type.Object({ rows: Type.Array(RoomPart), more: Type.Boolean() }),
  sessions: Type.Object({ rows: Type.Array(SessionOverview), more: Type.Boolean() }),
  instance: Type.Object({ rows: Type.Array(InstanceOverview), more: Type.Boolean() })
}
export type Parts = { [Ask in keyof typeof parts]: Static<(typeof parts)[Ask]> }
