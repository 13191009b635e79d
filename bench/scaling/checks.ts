// The loads that the model of docs/scaling.md is held against. No unit is measured in them.
import { MEMBERS_OF_A_ROOM, UPDATE_EVERY_SECONDS, type Traffic } from '../scenarios/boards.ts'

interface Check {
  name: string
  traffic: Traffic
}

const same = { instances: 3, membersOfARoom: MEMBERS_OF_A_ROOM, updateEverySeconds: UPDATE_EVERY_SECONDS }

/** The traffic that the page states. */
const SAME: Check[] = [3000, 9000].map(connections => ({ name: `S8-clients-${connections}`, traffic: { ...same, connections } }))

/** Of another shape. The model had its form before they were run for the first time, and was not changed after them. */
const OTHERS: Check[] = [
  { name: 'S9-meetings', traffic: { connections: 2400, instances: 4, membersOfARoom: 12, updateEverySeconds: 4 } },
  { name: 'S9-halls', traffic: { connections: 3000, instances: 2, membersOfARoom: 50, updateEverySeconds: 1 } }
]

export const CHECKS = [...SAME, ...OTHERS]
