// Who is in a room that has no view here: read anew for each list.
import type { Broker } from '../broker/broker.ts'
import type { RoomKey } from '../wire/rooms.ts'
import { createPeople, type People } from './people.ts'

/** @returns a function that reads a room. Concurrent calls share one read. @throws RoomcastError `broker/…` */
export function createUnseenReader ({ broker, isAlive }: { broker: Broker, isAlive: (instance: string) => boolean }): (room: RoomKey) => Promise<People> {
  const reading = new Map<RoomKey, Promise<People>>()

  async function readOnce (room: RoomKey): Promise<People> {
    const people = createPeople()
    for (const { instance, entry } of await broker.presence(room)) {
      if (instance !== broker.instance && isAlive(instance)) people.set(instance, entry)
    }
    return people
  }

  return room => {
    let promise = reading.get(room)
    if (promise === undefined) {
      promise = readOnce(room).finally(() => { reading.delete(room) })
      reading.set(room, promise)
    }
    return promise
  }
}
