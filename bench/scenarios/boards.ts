// The traffic that docs/scaling.md states, at a size one machine takes: rooms of four, each member on another instance.
import { phaseOf, sum, type Scenario } from './scenario.ts'

export const MEMBERS_OF_A_ROOM = 4
/** Between two updates of a room. */
export const UPDATE_EVERY_SECONDS = 10
export const CHECK_INSTANCES = 3

export function boards (clients: number, seconds: number): Scenario {
  const rooms = clients / MEMBERS_OF_A_ROOM
  const rate = rooms / UPDATE_EVERY_SECONDS
  return {
    name: `S8-clients-${clients}`,
    about: `${CHECK_INSTANCES} instances, ${clients} clients in rooms of ${MEMBERS_OF_A_ROOM}, an update every ${UPDATE_EVERY_SECONDS} seconds in each room.`,
    load: {
      instances: CHECK_INSTANCES,
      rooms,
      members: clients,
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
