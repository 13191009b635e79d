// S1 and its growth with members: one room, its members spread over two instances.
import { phaseOf, sum, type Figure, type Load, type Phase, type Scenario } from './scenario.ts'

/** So many deliveries each phase makes, however many members share them. */
const DELIVERIES = 200_000
const DELIVERIES_A_SECOND = 50_000

export function fanOut (members: number, share: number): Scenario {
  return {
    name: 'S1',
    about: `2 instances, one room of ${members} members, half of them on each; paced at ${DELIVERIES_A_SECOND / members} updates a second, then as fast as 8 at once are answered.`,
    load: load(members, share, { name: 'full', publishes: Math.ceil(DELIVERIES * 1.5 * share / members), window: 8 }),
    figures: [
      perDelivery('paced'),
      perDelivery('full'),
      { name: 'deliveries, full', unit: '1/s', isCompared: false, read: result => phaseOf(result, 'full').delivered / phaseOf(result, 'full').seconds },
      { name: 'p99, paced', unit: 'ms', isCompared: false, read: result => phaseOf(result, 'paced').p99Ms }
    ]
  }
}

export function fanOutOf (members: number, share: number): Scenario {
  return {
    name: `S5-members-${members}`,
    about: `As S1 paced, with ${members} members.`,
    load: load(members, share),
    figures: [perDelivery('paced')]
  }
}

function load (members: number, share: number, ...more: Phase[]): Load {
  return {
    instances: 2,
    rooms: 1,
    members,
    place: 'spread',
    connections: 16,
    settleMs: 700,
    phases: [
      { name: 'warm', publishes: Math.ceil(0.75 * DELIVERIES * share / members), window: 4 },
      { name: 'paced', publishes: Math.ceil(DELIVERIES * share / members), rate: DELIVERIES_A_SECOND / members },
      ...more
    ]
  }
}

function perDelivery (name: 'paced' | 'full'): Figure {
  return {
    name: `a delivery, ${name}`,
    unit: 'µs',
    isCompared: true,
    read (result) {
      const { servers, delivered } = phaseOf(result, name)
      return sum(servers) / delivered
    }
  }
}
