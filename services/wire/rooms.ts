// Rooms and their keys: the pair (workspaceId, appId) as one string that no other pair shares.

/** `workspaceId/appId`; internal rooms start with `$`, which no id can contain. */
export type RoomKey = string

export interface RoomName {
  workspaceId: string
  appId: string
}

export function roomKey ({ workspaceId, appId }: RoomName): RoomKey {
  return `${workspaceId}/${appId}`
}

export function roomName (room: RoomKey): RoomName {
  const slash = room.indexOf('/')
  return { workspaceId: room.slice(0, slash), appId: room.slice(slash + 1) }
}

/**
 * The Socket.IO event that carries a room's updates. Two rooms can share one event name (`a_app_b`/`c` and
 * `a`/`b_app_c`), so members are found by room key, never by this name.
 */
export function roomEvent (room: RoomKey): string {
  const { workspaceId, appId } = roomName(room)
  return `workspace_${workspaceId}_app_${appId}`
}

/** Rooms of the instances themselves. */
export function isInternal (room: RoomKey): boolean {
  return room.startsWith('$')
}

/** The commands of operators to all instances: disconnect, unsubscribe, revoke. */
export const COMMANDS_ROOM: RoomKey = '$/commands'

/** No room of updates: its slot holds what the webhook reports. */
export const HOOKS_ROOM: RoomKey = '$/hooks'

/** The internal room of one instance: it receives its own probes and the answers to its commands there. */
export function instanceRoom (instance: string): RoomKey {
  return `$/instance-${instance}`
}
