// The hooks. What they give is stable, and nothing is rendered for an event that nobody reads.
import { useCallback, useEffect, useMemo, useSyncExternalStore } from 'react'
import type { Heard, PresenceList, RoomEvents, RoomOptions, Status } from '../index.ts'
import { useLatest } from './latest.ts'
import { createMountedRoom, type MountedRoom } from './mounted-room.ts'
import { useClient } from './provider.ts'

/** Where the connection stands; renders when that changes. */
export function useStatus (): Status {
  const client = useClient()
  const watch = useCallback((onChange: () => void) => {
    client.on('status', onChange)
    return () => { client.off('status', onChange) }
  }, [client])
  return useSyncExternalStore(watch, () => client.status, () => 'connecting')
}

/**
 * Joins a room while the component is mounted. The same room for the same ids; never renders by itself.
 * @param options `since`: the position of the state that the component shows; counts when it is first mounted
 */
export function useRoom<Events extends object = Record<string, unknown>> (workspaceId: string, appId: string, options: RoomOptions = {}): MountedRoom<Events> {
  const client = useClient()
  const latest = useLatest(options)
  const { room, mount } = useMemo(() => createMountedRoom(client, workspaceId, appId, () => latest.current), [client, workspaceId, appId])
  useEffect(mount, [mount])
  return room as unknown as MountedRoom<Events>
}

/** Calls the listener of the last render for each update of that event, or each word of the room; renders nothing. */
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

/** The room's `publish`: the same function in every render, good as a dependency. */
export function usePublish<Events extends object> (room: MountedRoom<Events>): MountedRoom<Events>['publish'] {
  return room.publish
}

export interface Presence extends PresenceList {
  /** Says what this session does; the same function in every render. */
  setPresence: MountedRoom['setPresence']
}

/** Who is in the room, and what says what oneself does there; renders when someone comes, goes, or says something new. */
export function usePresence<Events extends object> (room: MountedRoom<Events>): Presence {
  const watch = useCallback((onChange: () => void) => {
    room.on('presence', onChange)
    return () => { room.off('presence', onChange) }
  }, [room])
  const list = useSyncExternalStore(watch, () => room.presence, () => room.presence)
  return useMemo(() => ({ ...list, setPresence: room.setPresence }), [list, room])
}

/** Calls the listener of the last render when the state has to be loaded anew: updates after `position` follow. */
export function useReset<Events extends object> (room: MountedRoom<Events>, listener: (reset: RoomEvents['reset']) => void): void {
  useEvent<Events, 'reset'>(room, 'reset', listener)
}
