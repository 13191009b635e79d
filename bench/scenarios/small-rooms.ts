// S2, S3 and the growth with instances and rooms: what a publish costs where few or none hear it.
import { phaseOf, sum, type Figure, type Load, type Phase, type Scenario } from './scenario.ts'

const PUBLISHES_A_SECOND = 1000

export function smallRooms (share: number): Scenario {
  const publishes = Math.ceil(3000 * share)
  return {
    name: 'S2',
    about: `2 instances, 500 rooms of 4 members; members and publishes all on the first; paced at ${PUBLISHES_A_SECOND} updates a second, then as fast as 32 at once are answered.`,
    load: load({ instances: 2, rooms: 500, members: 2000, publishes }, { name: 'full', publishes, window: 32 }),
    figures: [
      perPublish('paced'),
      perPublish('full'),
      perPublishAtRedis('paced'),
      elsewhere(),
      { name: 'p99, paced', unit: 'ms', isCompared: false, read: result => phaseOf(result, 'paced').p99Ms }
    ]
  }
}

export function unheard (share: number): Scenario {
  return {
    name: 'S3',
    about: '2 instances, 500 rooms, nobody subscribed; as fast as 64 publishes at once are answered.',
    load: {
      instances: 2,
      rooms: 500,
      members: 0,
      place: 'first',
      connections: 64,
      settleMs: 700,
      phases: [
        { name: 'warm', publishes: Math.ceil(6000 * share), window: 64 },
        { name: 'full', publishes: Math.ceil(12_000 * share), window: 64 }
      ]
    },
    figures: [
      perPublish('full'),
      perPublishAtRedis('full'),
      { name: 'publishes', unit: '1/s', isCompared: false, read: result => phaseOf(result, 'full').publishes / phaseOf(result, 'full').seconds }
    ]
  }
}

export function smallRoomsOn (instances: number, share: number): Scenario {
  return {
    name: `S5-instances-${instances}`,
    about: `As S2 paced, on ${instances} instance${instances === 1 ? '' : 's'}.`,
    load: load({ instances, rooms: 500, members: 2000, publishes: Math.ceil(3000 * share) }),
    figures: [perPublish('paced')]
  }
}

/** One member each: the cost of a publish must not depend on how many other rooms there are. */
export function manyRooms (rooms: number, share: number): Scenario {
  return {
    name: `S5-rooms-${rooms}`,
    about: `As S2 paced, with ${rooms} rooms of one member.`,
    load: load({ instances: 2, rooms, members: rooms, publishes: Math.ceil(3000 * share) }),
    figures: [perPublish('paced')]
  }
}

const HEARING = 3
const APART_A_SECOND = 250

/** What each instance has of an update, at the pace of one among many: one publishes it, others hear it for a member each. */
export function apart (share: number): Scenario {
  const publishes = Math.ceil(1500 * share)
  return {
    name: 'S7',
    about: `${HEARING + 1} instances, 500 rooms, published on the first, a member on each of the others; ${APART_A_SECOND} updates a second.`,
    load: {
      ...load({ instances: HEARING + 1, rooms: 500, members: 500 * HEARING, publishes }),
      place: 'others',
      phases: [{ name: 'warm', publishes, window: 16 }, { name: 'paced', publishes, rate: APART_A_SECOND }]
    },
    figures: [
      {
        name: 'publishing',
        unit: 'µs',
        isCompared: false,
        read (result) {
          const { servers: [first = NaN], publishes } = phaseOf(result, 'paced')
          return first / publishes
        }
      },
      {
        name: 'hearing, and a delivery',
        unit: 'µs',
        isCompared: false,
        read (result) {
          const { servers, publishes } = phaseOf(result, 'paced')
          return sum(servers.slice(1)) / HEARING / publishes
        }
      },
      perPublishAtRedis('paced')
    ]
  }
}

function load ({ publishes, ...size }: Pick<Load, 'instances' | 'rooms' | 'members'> & { publishes: number }, ...more: Phase[]): Load {
  return {
    ...size,
    place: 'first',
    connections: 16,
    settleMs: 700,
    phases: [
      { name: 'warm', publishes: Math.ceil(publishes * 0.8), window: 16 },
      { name: 'paced', publishes, rate: PUBLISHES_A_SECOND },
      ...more
    ]
  }
}

function perPublish (name: Phase['name']): Figure {
  return {
    name: `a publish, ${name}`,
    unit: 'µs',
    isCompared: true,
    read (result) {
      const { servers, publishes } = phaseOf(result, name)
      return sum(servers) / publishes
    }
  }
}

function perPublishAtRedis (name: Phase['name']): Figure {
  return {
    name: `a publish, ${name}, at Redis`,
    unit: 'µs',
    isCompared: true,
    read (result) {
      const { redis, publishes } = phaseOf(result, name)
      return redis / publishes
    }
  }
}

function elsewhere (): Figure {
  return {
    name: 'the instance without members, paced',
    unit: 'µs',
    isCompared: false,
    read (result) {
      const { servers, publishes } = phaseOf(result, 'paced')
      return sum(servers.slice(1)) / publishes
    }
  }
}
