// The hooks. They return stable values, and events that nobody reads cause no render.
import { useCallback, useEffect, useMemo, useSyncExternalStore } from 'react'
import type { Heard, PresenceList, RoomEvents, RoomOptions, Status } from '../index.ts'
import { useLatest } from './latest.ts'
import { createMountedRoom, type MountedRoom } from './mounted-room.ts'
import { useClient } from './provider.ts'

/** The state of the connection. Renders when it changes. */
export function useStatus (): Status {
  const client = useClient()
  const watch = useCallback((onChange: () => void) => {
    client.on('status', onChange)
    return () => { client.off('status', onChange) }
  }, [client])
  return useSyncExternalStore(watch, () => client.status, () => 'connecting')
}

/**
 * Joins a room while the component is mounted. Returns the same room for the same ids, and never causes a render.
 * @param options `since`: the position of the state that the component shows; used when it is first mounted
 */
export function useRoom<Events extends object = Record<string, unknown>> (workspaceId: string, appId: string, options: RoomOptions = {}): MountedRoom<Events> {
  const client = useClient()
  const latest = useLatest(options)
  const { room, mount } = useMemo(() => createMountedRoom(client, workspaceId, appId, () => latest.current), [client, workspaceId, appId])
  useEffect(mount, [mount])
  return room as unknown as MountedRoom<Events>
}

/** Calls the listener of the last render for each update with this event, or each event of the room. Causes no render. */
export function useEvent<Events extends object, E extends keyof RoomEvents | (keyof Events & string)> (
  room: MountedRoom<Events>, event: E, listener: (data: Heard<Events, E>) => void
): void {
  const latest = useLatest(listener)
  useEffect(() => {
    const hear = (data: Heard<Events, E>) => { latest.current(data) }
    room.on(event, hear)
    return () => { room.off(event, hear) }
  }, [room, event])
}

/** The room's `publish`: the same function in every render, so it can be a dependency. */
export function usePublish<Events extends object> (room: MountedRoom<Events>): MountedRoom<Events>['publish'] {
  return room.publish
}

export interface Presence extends PresenceList {
  /** Sets the state of this session. The same function in every render. */
  setPresence: MountedRoom['setPresence']
}

/** Who is in the room, and a setter for this session's state. Renders when someone joins, leaves or changes state. */
export function usePresence<Events extends object> (room: MountedRoom<Events>): Presence {
  const watch = useCallback((onChange: () => void) => {
    room.on('presence', onChange)
    return () => { room.off('presence', onChange) }
  }, [room])
  const list = useSyncExternalStore(watch, () => room.presence, () => room.presence)
  return useMemo(() => ({ ...list, setPresence: room.setPresence }), [list, room])
}

/** Calls the listener of the last render when the state must be loaded again. Updates after `position` follow. */
export function useReset<Events extends object> (room: MountedRoom<Events>, listener: (reset: RoomEvents['reset']) => void): void {
  useEvent<Events, 'reset'>(room, 'reset', listener)
}
