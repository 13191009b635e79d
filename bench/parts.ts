// What `npm run bench` measures besides the scenarios. Each puts its findings into the results, and returns a line about them.
import { BIG_ROOM, measureBigRoom } from './big-room.ts'
import { measureNginx } from './nginx.ts'
import { measureRedisMemory } from './redis-memory.ts'
import type { Results, Taken } from './report/results.ts'
import { MANY_ROOMS, measureRooms } from './rooms.ts'
import { measureStampede, STAMPEDE_CLIENTS, stampedeFaults } from './stampede.ts'
import { measureTracing } from './tracing.ts'

export interface Part {
  name: string
  /** About. */
  seconds: number
  /** In which runs it is, where nothing is named. */
  runs: 'always' | 'whole' | 'named'
  /** @param size clients or members, where fewer than usual are wanted */
  measure (results: Results, taken: Taken, size: number | undefined): Promise<string>
}

export const parts: Part[] = [
  {
    name: 'tracing',
    seconds: 8,
    runs: 'always',
    async measure (results, taken) {
      const cost = await measureTracing()
      results.tracing = { ...cost, ...taken }
      return `${cost.plainMicroseconds.toFixed(2)} µs a publish without, ${cost.tracedMicroseconds.toFixed(2)} µs with`
    }
  },
  {
    name: 'nginx',
    seconds: 12,
    runs: 'whole',
    async measure (results, taken) {
      const cost = await measureNginx()
      results.nginx = { ...cost, ...taken }
      return `${cost.kibPerConnection.toFixed(1)} KiB a connection, ${cost.microsecondsADelivery.toFixed(1)} µs a delivery`
    }
  },
  {
    name: 'redis-memory',
    seconds: 15,
    runs: 'whole',
    async measure (results, taken) {
      const found = await measureRedisMemory()
      results.redisMemory = { ...found, ...taken }
      return `${found.kibPerRoom.toFixed(2)} KiB a room, ${found.kibPerUpdate.toFixed(2)} KiB an update`
    }
  },
  {
    name: 'stampede',
    seconds: 110,
    runs: 'named',
    async measure (results, taken, size = STAMPEDE_CLIENTS) {
      const runs = []
      for (const fault of stampedeFaults) runs.push(await measureStampede(fault, size))
      results.stampedes = { runs, ...taken }
      return runs.map(({ fault, wholeSeconds }) => `${fault}: all whole after ${wholeSeconds?.toFixed(1) ?? 'never'} s`).join('; ')
    }
  },
  {
    name: 'rooms',
    seconds: 110,
    runs: 'named',
    async measure (results, taken, size = MANY_ROOMS) {
      const found = await measureRooms(size)
      results.rooms = { ...found, ...taken }
      const { idle, subscribedSeconds, checkedSeconds, churn } = found
      return `${found.rooms} rooms: standing still ${idle.instance.toFixed(1)} ms/s; after a restart of Redis heard again in ${subscribedSeconds.toFixed(1)} s, checked in ${checkedSeconds.toFixed(1)} s; ${churn.roomsLeft} of ${churn.opened} left behind`
    }
  },
  {
    name: 'big-room',
    seconds: 120,
    runs: 'named',
    async measure (results, taken, size = BIG_ROOM) {
      const found = await measureBigRoom(size)
      results.bigRoom = { ...found, ...taken }
      const { members, longestBlockMs, othersQuietMs, othersBusyMs, presence } = found
      return `${members} members: longest block ${longestBlockMs.toFixed(0)} ms; p99 of others ${othersQuietMs.toFixed(1)} ms, then ${othersBusyMs.toFixed(1)} ms; ${presence.collaborators} collaborators: ${presence.joining.toFixed(0)} ms/s while they join`
    }
  }
]
