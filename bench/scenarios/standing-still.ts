// S4 and S6: what connections and rooms cost while nothing happens.
import { sum, type LoadResult, type Scenario } from './scenario.ts'

export function connections (share: number): Scenario {
  const members = 1000 + Math.ceil(4000 * share)
  return {
    name: 'S4',
    about: `1 instance, memory from 1000 to ${members} subscribed connections, after garbage collection.`,
    load: { instances: 1, rooms: 500, members, place: 'first', connections: 1, settleMs: 700, memoryFrom: 1000, phases: [] },
    figures: [{ name: 'a connection', unit: 'KiB', isCompared: true, read: ({ memory }) => memory?.kibPerConnection ?? NaN }]
  }
}

export function standingStill (rooms: number, share: number, name = 'S6'): Scenario {
  return {
    name,
    about: `2 instances, ${rooms} rooms of one member, nothing is published.`,
    load: { instances: 2, rooms, members: rooms, place: 'spread', connections: 1, settleMs: Math.ceil(5000 * share), idleMs: Math.ceil(12_000 * share), phases: [] },
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
