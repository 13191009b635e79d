// The internal room of this instance, for the echoes of its probes and the answers to its commands.
import type { Broker, EphemeralUpdate, StoredUpdate } from '../broker/broker.ts'
import { RoomcastError } from '../wire/errors.ts'
import type { Log } from '../observe/log.ts'
import { instanceRoom, type RoomKey } from '../wire/rooms.ts'

export interface Inbox {
  readonly room: RoomKey
  on (event: string, handler: (update: StoredUpdate | EphemeralUpdate) => void): void
  /** Subscribes unless that is done. @returns false while the broker is unavailable */
  open (): Promise<boolean>
}

export function createInbox ({ broker, log }: { broker: Broker, log: Log }): Inbox {
  const room = instanceRoom(broker.instance)
  const handlers = new Map<string, (update: StoredUpdate | EphemeralUpdate) => void>()
  let isOpen = false
  let opening: Promise<boolean> | undefined

  async function subscribe (): Promise<boolean> {
    try {
      await broker.subscribe(room, message => {
        if (message.kind !== 'presence') handlers.get(message.event)?.(message)
      })
      isOpen = true
    } catch (error) {
      if (!(error instanceof RoomcastError)) throw error
      log.debug({ err: error.message }, 'the inbox waits for the broker')
    }
    return isOpen
  }

  return {
    room,
    on (event, handler) {
      handlers.set(event, handler)
    },
    async open () {
      if (isOpen) return true
      opening ??= subscribe().finally(() => { opening = undefined })
      return await opening
    }
  }
}
