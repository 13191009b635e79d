// Traffic that the model of docs/scaling.md is held against: rooms whose members are spread over the instances.
import { phaseOf, sum, type Scenario } from './scenario.ts'

export interface Traffic {
  connections: number
  instances: number
  membersOfARoom: number
  /** Between two updates of a room. */
  updateEverySeconds: number
}

export const MEMBERS_OF_A_ROOM = 4
export const UPDATE_EVERY_SECONDS = 10

export function boards (name: string, traffic: Traffic, seconds: number): Scenario {
  const { connections, instances, membersOfARoom, updateEverySeconds } = traffic
  const rooms = connections / membersOfARoom
  const rate = rooms / updateEverySeconds
  return {
    name,
    about: `${instances} instances, ${connections} clients in rooms of ${membersOfARoom}, an update every ${updateEverySeconds === 1 ? 'second' : `${updateEverySeconds} seconds`} in each room.`,
    load: {
      instances,
      rooms,
      members: connections,
      place: 'spread',
      connections: 8,
      settleMs: 1500,
      phases: [{ name: 'warm', publishes: 600, window: 8 }, { name: 'paced', publishes: Math.ceil(rate * seconds), rate }]
    },
    figures: [
      {
        name: 'all instances',
        unit: 'ms/s',
        isCompared: false,
        read (result) {
          const { servers, publishes } = phaseOf(result, 'paced')
          return sum(servers) / 1000 / (publishes / rate)
        }
      },
      {
        name: 'Redis',
        unit: 'ms/s',
        isCompared: false,
        read (result) {
          const { redis, publishes } = phaseOf(result, 'paced')
          return redis / 1000 / (publishes / rate)
        }
      },
      { name: 'p99', unit: 'ms', isCompared: false, read: result => phaseOf(result, 'paced').p99Ms }
    ]
  }
}
