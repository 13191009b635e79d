// The internal rooms of this instance, for the echoes of its probes (one room in each shard) and the answers to its commands.
import type { Broker, EphemeralUpdate, StoredUpdate } from '../broker/broker.ts'
import { RoomcastError } from '../wire/errors.ts'
import type { Log } from '../observe/log.ts'
import { instanceRoom, type RoomKey } from '../wire/rooms.ts'

export interface Inbox {
  readonly room: RoomKey
  on (event: string, handler: (update: StoredUpdate | EphemeralUpdate) => void): void
  /**
   * Subscribes unless that is done.
   * @param room default: the instance's own
   * @returns false while the broker is unavailable
   */
  open (room?: RoomKey): Promise<boolean>
  leave (room: RoomKey): Promise<void>
}

export function createInbox ({ broker, log }: { broker: Broker, log: Log }): Inbox {
  const own = instanceRoom(broker.instance)
  const handlers = new Map<string, (update: StoredUpdate | EphemeralUpdate) => void>()
  const open = new Map<RoomKey, Promise<boolean>>()

  async function subscribe (room: RoomKey): Promise<boolean> {
    try {
      await broker.subscribe(room, message => {
        if (message.kind !== 'presence') handlers.get(message.event)?.(message)
      })
      return true
    } catch (error) {
      open.delete(room)
      if (!(error instanceof RoomcastError)) throw error
      log.debug({ err: error.message }, 'the inbox waits for the broker')
      return false
    }
  }

  return {
    room: own,
    on (event, handler) {
      handlers.set(event, handler)
    },

    open (room = own) {
      let opening = open.get(room)
      if (opening === undefined) {
        opening = subscribe(room)
        open.set(room, opening)
      }
      return opening
    },

    async leave (room) {
      if (room === own || !open.delete(room)) return
      try {
        await broker.unsubscribe(room)
      } catch (error) {
        log.debug({ err: (error as Error).message }, 'a room of the inbox could not be left; the link is down')
      }
    }
  }
}
