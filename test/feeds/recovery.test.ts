// The rule of recovery, case by case.
import { test } from 'tap'
import { isRecoverable } from '../../services/feeds/recovery.ts'

const cases: Array<[name: string, since: [string, number], room: [string, number, number | undefined], expected: boolean]> = [
  ['at the position, with history', ['e', 10], ['e', 10, 1], true],
  ['at the position, without history', ['e', 10], ['e', 10, undefined], true],
  ['at the position of an empty room', ['e', 0], ['e', 0, undefined], true],
  ['one behind', ['e', 9], ['e', 10, 1], true],
  ['from the beginning, all kept', ['e', 0], ['e', 10, 1], true],
  ['from the beginning, the first is gone', ['e', 0], ['e', 10, 2], false],
  ['the next one is the oldest kept', ['e', 4], ['e', 10, 5], true],
  ['the next one is just gone', ['e', 3], ['e', 10, 5], false],
  ['behind, nothing kept', ['e', 9], ['e', 10, undefined], false],
  ['ahead of the room', ['e', 11], ['e', 10, 1], false],
  ['ahead of an empty room', ['e', 1], ['e', 0, undefined], false],
  ['of another epoch, same offset', ['f', 10], ['e', 10, 1], false],
  ['of another epoch, behind', ['f', 3], ['e', 10, 1], false],
  ['of another epoch, both at 0', ['f', 0], ['e', 0, undefined], false],
  ['at the position, history begins after it', ['e', 10], ['e', 10, 11], true]
]

for (const [name, [sinceEpoch, sinceOffset], [epoch, offset, oldest], expected] of cases) {
  test(`${name}: ${expected ? 'recovered' : 'not recovered'}`, async t => {
    t.equal(isRecoverable({ epoch: sinceEpoch, offset: sinceOffset }, { epoch, offset, oldest }), expected)
  })
}
