// Every event of the socket side in both directions, with its schemas and the codes it can answer; the AsyncAPI document is made from it.
import { Type, type TObject, type TSchema } from '@sinclair/typebox'
import type { ErrorCode } from '../wire/errors.ts'
import { failureOf } from './failures.ts'
import {
  Answer, AuthenticateRequest, Closing, Draining, ErrorBody, SubscribeResult, PresenceChange, PresenceList, PresenceRequest, Receipt, RoomRef, SocketPublish,
  SubscribePayload, Time, TokenExpiring, Unsubscribed, Update
} from '../wire/protocol.ts'

/** What a client sends. */
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

/** What the server sends by itself. */
export interface ServerEvent {
  name: string
  /** The Socket.IO event; braces stand for ids. */
  event: string
  summary: string
  data: TObject
}

const ANY = ['request/invalid', 'limit/event-rate', 'server/internal'] as const satisfies ErrorCode[]
const NEW_TOKEN = ['auth/invalid-token', 'auth/token-expired', 'auth/token-revoked', 'auth/token-not-yet-valid', 'auth/keys-unavailable', 'auth/forbidden'] as const satisfies ErrorCode[]

export const clientEvents: readonly ClientEvent[] = [
  {
    request: 'SUBSCRIBE',
    event: 'application',
    summary: 'Enter a room; with `since`, get what was missed first. Needs `subscribe` on the room.',
    data: Type.Object({ event: Type.Literal('SUBSCRIBE'), payload: SubscribePayload }),
    answer: SubscribeResult,
    codes: [...ANY, ...NEW_TOKEN, 'auth/unsubscribed', 'limit/rooms-per-socket', 'broker/unavailable']
  },
  {
    request: 'UNSUBSCRIBE',
    event: 'application',
    summary: 'Leave a room. Succeeds also where not a member.',
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
    summary: 'Ask who is in a room, over all instances; with `state`, first say what this session does there. Needs `presence` on the room.',
    data: PresenceRequest,
    answer: PresenceList,
    codes: [...ANY, 'auth/forbidden', 'presence/state-too-large', 'broker/unavailable']
  },
  {
    request: 'AUTHENTICATE',
    event: 'authenticate',
    summary: 'Bring a fresh token of the same user, before the old one ends.',
    data: AuthenticateRequest,
    answer: Type.Object({ expiresAt: Time }),
    codes: [...ANY, ...NEW_TOKEN]
  }
]

/** The schema with a `code` out of these only. */
function withCodes (schema: TObject, codes: ErrorCode[]): TObject {
  return Type.Object({ ...schema.properties, code: Type.String({ enum: codes }) })
}

export const serverEvents: readonly ServerEvent[] = [
  {
    name: 'update',
    event: 'workspace_{workspaceId}_app_{appId}',
    summary: 'An update of the room, in the order of offsets, with no hole and no repeat. An ephemeral one has no offset. Two rooms can spell one event name: compare workspaceId and appId.',
    data: Update
  },
  {
    name: 'presenceChange',
    event: 'presence',
    summary: 'Who came, went or changed in a room, in batches. Above PRESENCE_MAX only the count is told. Sent to members with `presence` on it.',
    data: PresenceChange
  },
  {
    name: 'unsubscribed',
    event: 'unsubscribed',
    summary: 'The server ended the subscription. On `history/insufficient`, load the state anew and subscribe again.',
    data: Unsubscribed
  },
  {
    name: 'tokenExpiring',
    event: 'token_expiring',
    summary: 'A token ends soon: send `authenticate`, or, where a room is named, SUBSCRIBE with a new room token.',
    data: TokenExpiring
  },
  {
    name: 'closing',
    event: 'closing',
    summary: 'The server ends the connection for good, right after this; a stock client does not come back by itself.',
    data: Closing
  },
  {
    name: 'draining',
    event: 'draining',
    summary: 'This instance is going away, and closes the transport then; a stock client reconnects, to another one.',
    data: Draining
  },
  {
    name: 'refused',
    event: 'connect_error',
    summary: "The connection is finally refused. `data` is the `data` of the client's error.",
    data: Type.Object({
      message: Type.String({ description: 'the code', examples: ['auth/missing-token'] }),
      data: withCodes(Type.Object(ErrorBody.properties), [
        'auth/missing-token', 'auth/invalid-token', 'auth/token-expired', 'auth/token-revoked', 'limit/sockets-per-user', 'server/internal'
      ])
    })
  }
]

/** A good answer, as the callback of the event gets it; that of `application` is the same as `application_response`. */
export function successOf ({ event, request, answer }: ClientEvent): TObject {
  return event === 'application' ? Type.Object({ ...responseTo(request).properties, ...Answer(answer).properties }) : Answer(answer)
}

/** A refusal, as the callback of the event gets it. */
export function refusalOf (client: ClientEvent): TObject {
  return client.event === 'application' ? failedResponseTo(client) : failureOf(client.codes)
}

/** A refusal as `application_response`: to `application` always, to the others where no callback was given. */
export function failedResponseTo ({ request, codes }: ClientEvent): TObject {
  return Type.Object({ event: responseTo(request).properties.event, payload: Type.Partial(RoomRef), ...failureOf(codes).properties })
}

/** Where an `application` event does not say which request it is. */
export const unknownRequest = Type.Object({
  event: Type.Literal('APPLICATION'), payload: Type.Partial(RoomRef), ...failureOf(['request/invalid', 'limit/event-rate']).properties
})

function responseTo (request: ClientEvent['request']) {
  return Type.Object({ event: Type.Literal(request), payload: RoomRef })
}
