// The envelope: JSON with a version, sent over a channel. Readers ignore unknown fields and survive unreadable messages.
import { Type, type Static } from '@sinclair/typebox'
import type { EphemeralUpdate, Message, PresenceDelta, PublishRequest, StoredUpdate } from './broker.ts'
import { Collaborator, Epoch, EventName, Offset, Time, UpdateId, UserId, type Update } from '../wire/protocol.ts'
import { roomName, type RoomKey } from '../wire/rooms.ts'
import { createValidator, isDeeperThan } from '../wire/validation.ts'

export const ENVELOPE_VERSION = 1

/** No publisher sends anything deeper: the largest MAX_PAYLOAD_DEPTH plus the envelope itself. */
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
const validators = {
  update: createValidator(UpdateEnvelope),
  ephemeral: createValidator(EphemeralEnvelope),
  presence: createValidator(PresenceEnvelope),
  presenceEntry: createValidator(PresenceEntry)
}

/** The part before the fields that members receive. */
const headOf = (kind: 'update' | 'ephemeral') => `{"v":${ENVELOPE_VERSION},"kind":"${kind}",`

/** The number of fields of an update that was not traced. */
const UPDATE_FIELDS = Object.keys(UpdateEnvelope.properties).length - 1
const EPHEMERAL_FIELDS = Object.keys(EphemeralEnvelope.properties).length - 1

/**
 * The part of an update's envelope that its publisher knows, without the opening brace. The broker puts version, kind,
 * epoch, offset and time in front of it, in the step that assigns them.
 */
export function envelopeBody ({ event, payloadJson, userId, trace }: PublishRequest, id: string): string {
  const traced = trace === undefined ? '' : `,"trace":${JSON.stringify(trace)}`
  return `"id":${JSON.stringify(id)},"event":${JSON.stringify(event)},"payload":${payloadJson},"userId":${JSON.stringify(userId)}${traced}}`
}

export function presenceEnvelope (delta: Omit<PresenceDelta, 'kind'>): string {
  return JSON.stringify({ v: ENVELOPE_VERSION, kind: 'presence', ...delta })
}

/** Creates a reader for the texts of a room's channel and log. It returns undefined for an unreadable text. */
export function createEnvelopeReader (room: RoomKey): (text: string) => Message | undefined {
  const start = publicStart(room)

  /** Members receive the text as it came, without its head, unless it has fields that they should not see. */
  function publicJson (text: string, value: UpdateFields, fields: number): string {
    const head = headOf(value.kind)
    return text.startsWith(head) && Object.keys(value).length === fields
      ? start + text.slice(head.length)
      : JSON.stringify(publicUpdate(room, value))
  }

  return text => {
    const value = parse(text)
    if (validators.update.accepts(value)) {
      return new ReceivedUpdate(value, publicJson(text, value, UPDATE_FIELDS))
    }
    if (validators.ephemeral.accepts(value)) {
      const { kind, epoch, publishedAt, id, event, payload, userId } = value
      return { kind, epoch, publishedAt, id, event, payload, userId, json: publicJson(text, value, EPHEMERAL_FIELDS) }
    }
    return validators.presence.accepts(value) ? value : undefined
  }
}

/** Feeds keep thousands of updates, and hardly anyone asks for a payload: it is read from the text for who does. */
class ReceivedUpdate implements StoredUpdate {
  readonly kind = 'update'
  readonly epoch: string
  readonly offset: number
  readonly publishedAt: number
  readonly id: string
  readonly event: string
  readonly userId: string
  readonly trace: unknown
  readonly json: string

  constructor ({ epoch, offset, publishedAt, id, event, userId, trace }: Static<typeof UpdateEnvelope>, json: string) {
    this.epoch = epoch
    this.offset = offset
    this.publishedAt = publishedAt
    this.id = id
    this.event = event
    this.userId = userId
    this.trace = trace
    this.json = json
  }

  get payload (): unknown {
    return (JSON.parse(this.json) as Update).payload
  }
}

type UpdateFields = Omit<StoredUpdate, 'json'> | Omit<EphemeralUpdate, 'json'>

/** An update as the wire contract defines it. Copied field by field: a newer version's envelope may have more. */
export function publicUpdate (room: RoomKey, update: UpdateFields): Update {
  const { event, payload, userId, id, epoch, publishedAt } = update
  const shown = { event, payload, userId, id, ...roomName(room), epoch, publishedAt }
  return update.kind === 'update' ? { ...shown, offset: update.offset } : shown
}

/** A stored presence entry; undefined when it cannot be read. */
export function readPresenceEntry (text: string): Static<typeof PresenceEntry> | undefined {
  const value = parse(text)
  return validators.presenceEntry.accepts(value) ? value : undefined
}

/** The first two fields of a public update. No message contains them, because its channel names the room. */
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
  // Each level needs at least two characters, so most texts are too short to be too deep.
  return text.length > 2 * MAX_DEPTH && isDeeperThan(value, MAX_DEPTH) ? undefined : value
}
