// What `npm run bench` runs, in which sizes, and about how long each run takes.
import { peers, REFERENCE, ROOMCAST, WITHOUT_POSITIONS } from './peers/peers.ts'
import { CHECKS } from './scaling/checks.ts'
import { boards } from './scenarios/boards.ts'
import { fanOut, fanOutOf } from './scenarios/fan-out.ts'
import { apart, manyRooms, smallRooms, smallRoomsOn, unheard } from './scenarios/small-rooms.ts'
import { connections, standingStill } from './scenarios/standing-still.ts'
import type { Scenario } from './scenarios/scenario.ts'

export interface Step {
  scenario: Scenario
  peers: string[]
  rounds: number
  /** About, for one run of one peer. */
  seconds: number
}

const ALL = peers.map(({ name }) => name)
const BOTH = [ROOMCAST, REFERENCE]

export const STANDING_ROOMS = 5000

export function wholePlan (): Step[] {
  const step = (scenario: Scenario, seconds: number, names = BOTH, rounds = 1): Step => ({ scenario, peers: names, rounds, seconds })
  return [
    step(fanOut(1000, 0.5), 10, [...ALL, WITHOUT_POSITIONS], 3),
    step(smallRooms(0.8), 12, ALL, 3),
    step(unheard(0.7), 6, ALL, 3),
    step(connections(1), 9, ALL),
    step(standingStill(STANDING_ROOMS, 25), 34),
    ...[250, 1000, 4000].map(members => step(fanOutOf(members, 0.5), 8)),
    ...[100, 1000, 5000].map(rooms => step(manyRooms(rooms, 0.7), 8)),
    ...[1, 2, 4].map(instances => step(smallRoomsOn(instances, 0.7), 8)),
    step(apart(0.7), 8, [ROOMCAST]),
    ...CHECKS.map(({ name, traffic }) => step(boards(name, traffic, 8), 12 + traffic.connections / 1000, [ROOMCAST]))
  ]
}

/** The same in small, once: enough to see that something is far off. */
export function quickPlan (): Step[] {
  const step = (scenario: Scenario, seconds: number, names = [ROOMCAST]): Step => ({ scenario, peers: names, rounds: 1, seconds })
  const some = ALL.filter(name => !name.includes('by hand'))
  return [
    step(fanOut(1000, 0.15), 6, some),
    step(smallRooms(0.3), 6, some),
    step(unheard(0.3), 4, some),
    step(connections(0.25), 5, BOTH),
    step(standingStill(1000, 6), 13),
    ...[250, 1000].map(members => step(fanOutOf(members, 0.15), 5)),
    ...[100, 1000].map(rooms => step(manyRooms(rooms, 0.2), 4)),
    ...[1, 2].map(instances => step(smallRoomsOn(instances, 0.2), 4))
  ]
}
