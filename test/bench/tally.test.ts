// The counts of the chaos table: each kind of wrong is seen, and right is not taken for wrong.
import { test } from 'tap'
import { createTally } from '../../bench/chaos/tally.ts'

const NOTHING = { lost: 0, told: 0, repeated: 0, outOfOrder: 0 }

function tallyOf (...items: Array<number | 'told'>) {
  const tally = createTally(1)
  for (const item of items) {
    if (item === 'told') tally.onTold()
    else tally.onItem({ writer: 0, n: item })
  }
  return tally
}

test('all in order is nothing', async t => t.strictSame(tallyOf(1, 2, 3).take([3]), NOTHING))
test('a hole is lost, each item once', async t => t.strictSame(tallyOf(1, 4).take([4]), { ...NOTHING, lost: 2 }))
test('a missing end is lost', async t => t.strictSame(tallyOf(1).take([3]), { ...NOTHING, lost: 2 }))
test('an item received twice counts as repeated', async t => t.strictSame(tallyOf(1, 2, 2, 1).take([2]), { ...NOTHING, repeated: 2 }))
test('a late item is out of order, not lost', async t => t.strictSame(tallyOf(1, 3, 2).take([3]), { ...NOTHING, outOfOrder: 1 }))
test('an item missed after a notice counts as told', async t => t.strictSame(tallyOf(1, 'told', 4).take([4]), { ...NOTHING, told: 2 }))
test('to be told excuses one hole, not the next', async t => t.strictSame(tallyOf(1, 'told', 3, 5).take([5]), { ...NOTHING, told: 1, lost: 1 }))
test('told, and then nothing comes', async t => t.strictSame(tallyOf(1, 'told').take([3]), { ...NOTHING, told: 2 }))

test('counts begin anew with each round, and writers are apart', async t => {
  const tally = createTally(2)
  tally.onItem({ writer: 1, n: 2 })
  t.notOk(tally.hasReached([1, 2]))
  t.strictSame(tally.take([1, 2]), { ...NOTHING, lost: 2 })
  t.ok(tally.hasReached([1, 2]))
  tally.onItem({ writer: 0, n: 2 })
  t.strictSame(tally.take([2, 2]), NOTHING)
})
