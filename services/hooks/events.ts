// The events of the webhook: rooms that get their first member and lose their last, and users who join and leave.
import { Type, type Static } from '@sinclair/typebox'
import type { Subject } from '../broker/hooks.ts'
import { Id, Time, UserId } from '../wire/protocol.ts'
import { roomName, type RoomKey } from '../wire/rooms.ts'

const Head = {
  id: Type.String({ description: 'unchanged when the event is sent again, so that you can drop repeats' }),
  workspaceId: Id,
  appId: Id
}
const RoomEvent = Type.Object({
  ...Head,
  event: Type.Union([Type.Literal('room.occupied'), Type.Literal('room.vacated')]),
  at: Time
})
const MemberEvent = Type.Object({
  ...Head,
  event: Type.Union([Type.Literal('member.joined'), Type.Literal('member.left')]),
  userId: UserId,
  displayName: Type.String(),
  at: Time
})
export const WebhookEvent = Type.Union([RoomEvent, MemberEvent])
export type WebhookEvent = Static<typeof WebhookEvent>
export const WebhookBody = Type.Object({ events: Type.Array(WebhookEvent) })

/** A user who joined or left. */
export interface Person {
  userId: string
  displayName: string
}

export function roomSubject (room: RoomKey): Subject {
  return `room ${room}`
}

/** Unambiguous, because a room key has no space. */
export function memberSubject (room: RoomKey, { userId }: Person): Subject {
  return `member ${room} ${userId}`
}

/** The fields of a subject's events, as members of a JSON object. */
export function fieldsOf (room: RoomKey, person?: Person): string {
  return JSON.stringify({ ...roomName(room), ...person }).slice(1, -1)
}
