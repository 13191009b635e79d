// A room that can be created while rendering, without side effects. It is joined on mount and left on unmount.
import { ClientError, type Client, type PresenceList, type Room, type RoomBase, type RoomOptions } from '../index.ts'
import { clientError } from '../errors.ts'

/** A room of a component. It is left when the component is unmounted. */
export interface MountedRoom<Events extends object = Record<string, unknown>> extends RoomBase<Events> {}

type Listener = (data: never) => void

const nobody: PresenceList = { collaborators: [], count: 0 }

/**
 * @param options read on mount; after a remount, the room continues at its last position
 * @returns the room, and a function that mounts it and returns a function that unmounts it
 */
export function createMountedRoom (client: Client, workspaceId: string, appId: string, options: () => RoomOptions): { room: MountedRoom, mount: () => () => void } {
  const listeners = new Map<string, Set<Listener>>()
  const token = () => options().token?.() ?? ''
  let joined: Room | undefined
  let state: unknown
  let last: Pick<Room, 'position' | 'presence'> | undefined
  let onFirstMount = (): void => undefined
  const firstMount = new Promise<void>(resolve => { onFirstMount = resolve })

  const room: MountedRoom = {
    workspaceId,
    appId,
    get isJoined () { return joined?.isJoined ?? false },
    get position () { return joined?.position ?? last?.position },
    get presence () { return joined?.presence ?? last?.presence ?? nobody },
    on (event, listener) {
      listeners.set(event, (listeners.get(event) ?? new Set()).add(listener))
      joined?.on(event, listener)
      return room
    },
    off (event, listener) {
      listeners.get(event)?.delete(listener)
      joined?.off(event, listener)
      return room
    },
    async publish (...update) {
      // Effects of children run before those of the parent that has the room.
      await firstMount
      if (joined === undefined) throw new ClientError(clientError('client/left', 'The component is no longer mounted.'))
      return await joined.publish(...update)
    },
    setPresence (next) {
      state = next
      joined?.setPresence(next)
    }
  }

  return {
    room,
    mount () {
      const { token: given, since } = options()
      joined = client.room(workspaceId, appId, { ...given && { token }, since: last?.position ?? since })
      for (const [event, all] of listeners) for (const listener of all) joined.on(event, listener as () => void)
      if (state !== undefined) joined.setPresence(state)
      onFirstMount()
      return () => {
        last = joined && { position: joined.position, presence: joined.presence }
        joined?.leave()
        joined = undefined
      }
    }
  }
}
