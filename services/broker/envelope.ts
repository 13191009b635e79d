// What goes over a channel: JSON with a version. A reader ignores what it does not know and survives what it cannot read.
import { Type, type Static } from '@sinclair/typebox'
import type { EphemeralUpdate, Message, PresenceDelta, PublishRequest, StoredUpdate } from './broker.ts'
import { Collaborator, Epoch, EventName, Offset, Time, UpdateId, UserId, type Update } from '../wire/protocol.ts'
import { roomName, type RoomKey } from '../wire/rooms.ts'
import { checker, isDeeperThan } from '../wire/validation.ts'

export const ENVELOPE_VERSION = 1

/** No publisher lets pass what is nested deeper: the largest MAX_PAYLOAD_DEPTH, and the envelope itself. */
const MAX_DEPTH = 2001

const Head = { v: Type.Literal(ENVELOPE_VERSION) }
const Body = { epoch: Epoch, publishedAt: Time, id: UpdateId, event: EventName, payload: Type.Unknown(), userId: UserId, trace: Type.Optional(Type.Unknown()) }
const UpdateEnvelope = Type.Object({ ...Head, kind: Type.Literal('update'), offset: Offset, ...Body })
const EphemeralEnvelope = Type.Object({ ...Head, kind: Type.Literal('ephemeral'), ...Body })
const PresenceEntry = Type.Object({ socketId: Type.String(), person: Type.Omit(Collaborator, ['sessions']), state: Type.Optional(Type.Unknown()) })
const PresenceEnvelope = Type.Object({
  ...Head,
  kind: Type.Literal('presence'),
  instance: Type.String(),
  joined: Type.Array(PresenceEntry),
  left: Type.Array(Type.String())
})

/** What stands in front of the fields that members receive. */
const headOf = (kind: 'update' | 'ephemeral') => `{"v":${ENVELOPE_VERSION},"kind":"${kind}",`

/** Where an update was not traced, no field but these. */
const UPDATE_FIELDS = Object.keys(UpdateEnvelope.properties).length - 1
const EPHEMERAL_FIELDS = Object.keys(EphemeralEnvelope.properties).length - 1

/**
 * The part of an update's envelope that its publisher knows, without the opening brace: the broker puts
 * version, kind, epoch, offset and time in front, in the same step that gives them.
 */
export function envelopeBody ({ event, payloadJson, userId, trace }: PublishRequest, id: string): string {
  const traced = trace === undefined ? '' : `,"trace":${JSON.stringify(trace)}`
  return `"id":${JSON.stringify(id)},"event":${JSON.stringify(event)},"payload":${payloadJson},"userId":${JSON.stringify(userId)}${traced}}`
}

export function presenceEnvelope (delta: Omit<PresenceDelta, 'kind'>): string {
  return JSON.stringify({ v: ENVELOPE_VERSION, kind: 'presence', ...delta })
}

/** Reads the texts of a room's channel and log; answers undefined for what cannot be read. */
export function createEnvelopeReader (room: RoomKey): (text: string) => Message | undefined {
  const [updates, ephemerals, deltas] = [checker(UpdateEnvelope), checker(EphemeralEnvelope), checker(PresenceEnvelope)]
  const start = publicStart(room)

  /** What members receive is the text as it came without its head, unless there is more in it than they should see. */
  function publicJson (text: string, value: UpdateFields, fields: number): string {
    const head = headOf(value.kind)
    return text.startsWith(head) && Object.keys(value).length === fields
      ? start + text.slice(head.length)
      : JSON.stringify(publicUpdate(room, value))
  }

  return text => {
    const value = parse(text)
    if (updates.Check(value)) {
      const { kind, epoch, offset, publishedAt, id, event, payload, userId, trace } = value
      return { kind, epoch, offset, publishedAt, id, event, payload, userId, trace, json: publicJson(text, value, UPDATE_FIELDS) }
    }
    if (ephemerals.Check(value)) {
      const { kind, epoch, publishedAt, id, event, payload, userId } = value
      return { kind, epoch, publishedAt, id, event, payload, userId, json: publicJson(text, value, EPHEMERAL_FIELDS) }
    }
    return deltas.Check(value) ? value : undefined
  }
}

type UpdateFields = Omit<StoredUpdate, 'json'> | Omit<EphemeralUpdate, 'json'>

/** An update as the wire contract shows it; field by field, since the envelope of a newer version may hold more. */
export function publicUpdate (room: RoomKey, update: UpdateFields): Update {
  const { event, payload, userId, id, epoch, publishedAt } = update
  const shown = { event, payload, userId, id, ...roomName(room), epoch, publishedAt }
  return update.kind === 'update' ? { ...shown, offset: update.offset } : shown
}

/** A stored presence entry; undefined when it cannot be read. */
export function readPresenceEntry (text: string): Static<typeof PresenceEntry> | undefined {
  const value = parse(text)
  return checker(PresenceEntry).Check(value) ? value : undefined
}

/** The first two fields of a public update, which no message names, since its channel does. */
function publicStart (room: RoomKey): string {
  const { workspaceId, appId } = roomName(room)
  return `{"workspaceId":${JSON.stringify(workspaceId)},"appId":${JSON.stringify(appId)},`
}

function parse (text: string): unknown {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch {
    return undefined
  }
  // Two characters a level at least: most texts are too short to be deep.
  return text.length > 2 * MAX_DEPTH && isDeeperThan(value, MAX_DEPTH) ? undefined : value
}
