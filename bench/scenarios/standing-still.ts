// S4 and S6: what connections and rooms cost while nothing happens.
import { sum, type LoadResult, type Scenario } from './scenario.ts'

export function connections (share: number): Scenario {
  const members = 1000 + Math.ceil(4000 * share)
  return {
    name: 'S4',
    about: `1 instance, memory from 1000 to ${members} subscribed connections, after garbage collection.`,
    load: { instances: 1, rooms: 500, members, place: 'first', connections: 1, settleMs: 700, memoryFrom: 1000, phases: [] },
    figures: [
      { name: 'a connection', unit: 'KiB', isCompared: true, read: ({ memory }) => memory?.kibPerConnection ?? NaN },
      { name: 'to connect and subscribe', unit: 'µs', isCompared: true, read: ({ joinMicroseconds }) => joinMicroseconds }
    ]
  }
}

/** @param seconds 25 hold one heartbeat of every connection */
export function standingStill (rooms: number, seconds: number): Scenario {
  return {
    name: 'S6',
    about: `2 instances, ${rooms} rooms of one member, nothing is published for ${seconds} seconds.`,
    load: { instances: 2, rooms, members: rooms, place: 'spread', connections: 1, settleMs: 4000, idleMs: seconds * 1000, phases: [] },
    figures: [
      { name: 'an instance', unit: 'ms/s', isCompared: true, read: result => sum(idleOf(result).instances) / idleOf(result).instances.length },
      { name: 'Redis', unit: 'ms/s', isCompared: true, read: result => idleOf(result).redis }
    ]
  }
}

function idleOf ({ idle }: LoadResult): NonNullable<LoadResult['idle']> {
  if (idle === undefined) throw new Error('the run was not watched standing still')
  return idle
}
