// Decides what a caller may do in a room, from capabilities alone. No other place decides it.
import { Type, type Static } from '@sinclair/typebox'
import { RoomcastError } from '../wire/errors.ts'
import { roomKey, type RoomName } from '../wire/rooms.ts'

export const Action = Type.Union([
  Type.Literal('subscribe'), Type.Literal('publish'), Type.Literal('presence'), Type.Literal('manage')
])
export type Action = Static<typeof Action>

/**
 * Resource (`workspaceId/appId`, each side an id or `*`) → actions. A token may contain unknown actions; they grant
 * nothing.
 */
export const Capabilities = Type.Record(Type.String(), Type.Array(Type.String(), { maxItems: 64 }))
export type Capabilities = Static<typeof Capabilities>

/** All rooms: the resource that an operator needs `manage` on. */
export const EVERYWHERE: RoomName = { workspaceId: '*', appId: '*' }

/** Whether the capabilities allow the action on the room: the actions of every matching resource add up. */
export function can (capabilities: Capabilities, action: Action, room: RoomName): boolean {
  const { workspaceId, appId } = room
  return allows(capabilities, '*/*', action) || allows(capabilities, roomKey(room), action) ||
    allows(capabilities, `${workspaceId}/*`, action) || allows(capabilities, `*/${appId}`, action)
}

function allows (capabilities: Capabilities, resource: string, action: Action): boolean {
  return Object.hasOwn(capabilities, resource) && capabilities[resource]?.includes(action) === true
}

/** @throws RoomcastError `auth/forbidden` that names the missing capability */
export function authorize (capabilities: Capabilities, action: Action, room: RoomName): void {
  if (can(capabilities, action, room)) return
  throw new RoomcastError('auth/forbidden', `The token does not allow ${action} on ${roomKey(room)}: get a token with that capability.`)
}

/** Workspaces in all of whose rooms the action is allowed; undefined if it is allowed everywhere. */
export function workspacesWith (capabilities: Capabilities, action: Action): string[] | undefined {
  if (can(capabilities, action, EVERYWHERE)) return undefined
  return Object.keys(capabilities).filter(resource => resource.endsWith('/*') && allows(capabilities, resource, action)).map(resource => resource.slice(0, -2))
}

/** The capabilities of two tokens combined. */
export function add (one: Capabilities, other: Capabilities): Capabilities {
  const of = (capabilities: Capabilities, resource: string) => Object.hasOwn(capabilities, resource) ? capabilities[resource] ?? [] : []
  const resources = new Set([...Object.keys(one), ...Object.keys(other)])
  return Object.fromEntries([...resources].map(resource => [resource, [...of(one, resource), ...of(other, resource)]]))
}
