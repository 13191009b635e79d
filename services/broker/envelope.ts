// What goes over a channel: JSON with a version. A reader ignores what it does not know and survives what it cannot read.
import { Type, type Static, type TSchema } from '@sinclair/typebox'
import type { TypeCheck } from '@sinclair/typebox/compiler'
import type { Message, PresenceDelta, PublishRequest } from './broker.ts'
import { Collaborator, Epoch, EventName, Offset, Time, UpdateId, UserId } from '../wire/protocol.ts'
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
const Envelope = Type.Union([UpdateEnvelope, EphemeralEnvelope, PresenceEnvelope])

/**
 * The part of an update's envelope that its publisher knows, without the opening brace: the broker puts
 * version, kind, epoch, offset and time in front, in the same step that gives them.
 */
export function envelopeBody (publication: PublishRequest, id: string): string {
  const { event, payload, userId, trace } = publication
  return JSON.stringify({ id, event, payload, userId, trace }).slice(1)
}

export function presenceEnvelope (delta: Omit<PresenceDelta, 'kind'>): string {
  return JSON.stringify({ v: ENVELOPE_VERSION, kind: 'presence', ...delta })
}

/** The message in a text from a channel or a log; undefined when it cannot be read. */
export function readEnvelope (text: string): Message | undefined {
  return read(checker(Envelope), text)
}

/** A stored presence entry; undefined when it cannot be read. */
export function readPresenceEntry (text: string): Static<typeof PresenceEntry> | undefined {
  return read(checker(PresenceEntry), text)
}

function read<T extends TSchema> (check: TypeCheck<T>, text: string): Static<T> | undefined {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch {
    return undefined
  }
  return check.Check(value) && !isDeeperThan(value, MAX_DEPTH) ? value : undefined
}
