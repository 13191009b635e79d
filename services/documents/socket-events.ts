// Every event of the socket side, with its schemas and error codes. The AsyncAPI document is generated from it.
import { Type, type TObject, type TSchema } from '@sinclair/typebox'
import type { ErrorCode } from '../wire/errors.ts'
import { failureOf } from './failures.ts'
import {
  Answer, AuthenticateRequest, Closing, Draining, ErrorBody, SubscribeResult, PresenceChange, PresenceList, PresenceRequest, Receipt, RoomRef, SocketPublish,
  SubscribePayload, Time, TokenExpiring, Unsubscribed, Update
} from '../wire/protocol.ts'

/** An event that a client sends. */
export interface ClientEvent {
  /** The request, as `application_response` names it. */
  request: 'SUBSCRIBE' | 'UNSUBSCRIBE' | 'PUBLISH' | 'PRESENCE' | 'AUTHENTICATE'
  /** The Socket.IO event. */
  event: 'application' | 'publish' | 'presence' | 'authenticate'
  summary: string
  data: TObject
  /** `data` of a successful answer. */
  answer: TSchema
  codes: readonly ErrorCode[]
}

/** An event that the server sends. */
export interface ServerEvent {
  name: string
  /** The Socket.IO event; braces stand for ids. */
  event: string
  summary: string
  data: TObject
  /** The positions of all rooms of the socket are a second argument. */
  hasPositions?: true
}

const ANY = ['request/invalid', 'limit/event-rate', 'server/internal'] as const satisfies ErrorCode[]
const NEW_TOKEN = ['auth/invalid-token', 'auth/token-expired', 'auth/token-revoked', 'auth/token-not-yet-valid', 'auth/keys-unavailable', 'auth/forbidden'] as const satisfies ErrorCode[]

export const clientEvents: readonly ClientEvent[] = [
  {
    request: 'SUBSCRIBE',
    event: 'application',
    summary: 'Join a room. With `since`, get missed updates first. Needs `subscribe` on the room.',
    data: Type.Object({ event: Type.Literal('SUBSCRIBE'), payload: SubscribePayload }),
    answer: SubscribeResult,
    codes: [...ANY, ...NEW_TOKEN, 'auth/unsubscribed', 'limit/rooms-per-socket', 'broker/unavailable']
  },
  {
    request: 'UNSUBSCRIBE',
    event: 'application',
    summary: 'Leave a room. Also succeeds if the socket is not a member.',
    data: Type.Object({ event: Type.Literal('UNSUBSCRIBE'), payload: RoomRef }),
    answer: Type.Null(),
    codes: ANY
  },
  {
    request: 'PUBLISH',
    event: 'publish',
    summary: "Publish a collaborator's own update to a room. Needs `publish` on the room; the publisher receives it like everyone else.",
    data: SocketPublish,
    answer: Receipt,
    codes: [...ANY, 'auth/forbidden', 'publish/payload-too-large', 'limit/publish-rate', 'broker/unavailable', 'broker/timeout']
  },
  {
    request: 'PRESENCE',
    event: 'presence',
    summary: 'Ask who is in a room, over all instances. With `state`, set the state of this session first. Needs `presence` on the room.',
    data: PresenceRequest,
    answer: PresenceList,
    codes: [...ANY, 'auth/forbidden', 'presence/state-too-large', 'broker/unavailable']
  },
  {
    request: 'AUTHENTICATE',
    event: 'authenticate',
    summary: 'Send a fresh token of the same user before the old one expires.',
    data: AuthenticateRequest,
    answer: Type.Object({ expiresAt: Time }),
    codes: [...ANY, ...NEW_TOKEN]
  }
]

/** The schema, with only these codes. */
function withCodes (schema: TObject, codes: ErrorCode[]): TObject {
  return Type.Object({ ...schema.properties, code: Type.String({ enum: codes }) })
}

export const serverEvents: readonly ServerEvent[] = [
  {
    name: 'update',
    event: 'workspace_{workspaceId}_app_{appId}',
    summary: 'An update of the room, in the order of offsets, with no hole and no repeat. An ephemeral one has no offset. Two rooms can share one event name: compare workspaceId and appId.',
    data: Update,
    hasPositions: true
  },
  {
    name: 'presenceChange',
    event: 'presence',
    summary: 'Who joined, left or changed in a room, in batches. Above PRESENCE_MAX only the count is sent. Goes to members with `presence` on the room.',
    data: PresenceChange
  },
  {
    name: 'unsubscribed',
    event: 'unsubscribed',
    summary: 'The server ended the subscription. On `history/insufficient`, load the current state and subscribe again.',
    data: Unsubscribed,
    hasPositions: true
  },
  {
    name: 'tokenExpiring',
    event: 'token_expiring',
    summary: 'A token expires soon: send `authenticate`, or, if a room is named, SUBSCRIBE with a new room token.',
    data: TokenExpiring
  },
  {
    name: 'closing',
    event: 'closing',
    summary: 'The server ends the connection for good right after this. A stock client does not reconnect on its own.',
    data: Closing
  },
  {
    name: 'draining',
    event: 'draining',
    summary: 'This instance is shutting down, and closes the transport after that time. A stock client reconnects to another instance.',
    data: Draining
  },
  {
    name: 'refused',
    event: 'connect_error',
    summary: "The connection is refused for good. `data` is the `data` of the client's error.",
    data: Type.Object({
      message: Type.String({ description: 'the code', examples: ['auth/missing-token'] }),
      data: withCodes(Type.Object(ErrorBody.properties), [
        'auth/missing-token', 'auth/invalid-token', 'auth/token-expired', 'auth/token-revoked', 'limit/sockets-per-user', 'server/internal'
      ])
    })
  }
]

/** A successful answer in the callback. For `application`, it is the same as `application_response`. */
export function successOf ({ event, request, answer }: ClientEvent): TObject {
  return event === 'application' ? Type.Object({ ...responseTo(request).properties, ...Answer(answer).properties }) : Answer(answer)
}

/** A refusal in the callback. */
export function refusalOf (client: ClientEvent): TObject {
  return client.event === 'application' ? failedResponseTo(client) : failureOf(client.codes)
}

/** A refusal as `application_response`: always for `application`, otherwise if no callback was given. */
export function failedResponseTo ({ request, codes }: ClientEvent): TObject {
  return Type.Object({ event: responseTo(request).properties.event, payload: Type.Partial(RoomRef), ...failureOf(codes).properties })
}

/** The refusal of an `application` event that names no known request. */
export const unknownRequest = Type.Object({
  event: Type.Literal('APPLICATION'), payload: Type.Partial(RoomRef), ...failureOf(['request/invalid', 'limit/event-rate']).properties
})

function responseTo (request: ClientEvent['request']) {
  return Type.Object({ event: Type.Literal(request), payload: RoomRef })
}
