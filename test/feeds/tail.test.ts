// The tail of a feed: the newest updates, up to a number of bytes.
import { test } from 'tap'
import { createBudget } from '../../services/feeds/budget.ts'
import { createEntry, type Entry } from '../../services/feeds/batch.ts'
import { createTail } from '../../services/feeds/tail.ts'
import { createMetrics } from '../../services/observe/metrics.ts'
import { storedUpdate } from '../helpers/index.ts'

const budget = createBudget(1e9, createMetrics())

function entry (offset: number, size = 100): Entry {
  return createEntry('acme/board-1', storedUpdate({ offset, payload: 'x'.repeat(size) }))
}

test('finds what it keeps by offset, and nothing before, after or between', async t => {
  const tail = createTail(1_000_000, budget)
  t.equal(tail.get(1), undefined)
  const entries = [5, 6, 7].map(offset => entry(offset))
  for (const one of entries) tail.push(one)
  t.strictSame([4, 5, 6, 7, 8].map(offset => tail.get(offset)?.update.offset), [undefined, 5, 6, 7, undefined])
  t.equal(tail.get(6), entries[1])
})

test('forgets the oldest when there are too many bytes, over many thousand updates', async t => {
  const size = entry(1000).bytes
  const tail = createTail(size * 10, budget)
  for (let offset = 1000; offset < 9000; offset++) {
    tail.push(entry(offset))
    const oldest = Math.max(1000, offset - 9)
    if (tail.get(oldest)?.update.offset !== oldest || tail.get(oldest - 1) !== undefined || tail.get(offset)?.update.offset !== offset) t.fail(`at ${offset}`)
  }
  t.equal(tail.get(8991)?.update.offset, 8991)
})

test('an update larger than the tail empties it, and the next one is kept again', async t => {
  const tail = createTail(1000, budget)
  tail.push(entry(1))
  tail.push(entry(2, 5000))
  t.strictSame([1, 2].map(tail.get), [undefined, undefined])
  tail.push(entry(3))
  t.equal(tail.get(3)?.update.offset, 3)
})

test('a tail of 0 bytes keeps nothing', async t => {
  const tail = createTail(0, budget)
  tail.push(entry(1))
  t.equal(tail.get(1), undefined)
})

test('after clear it begins anew, at any offset', async t => {
  const tail = createTail(100_000, budget)
  for (let offset = 1; offset < 50; offset++) tail.push(entry(offset))
  tail.clear()
  t.equal(tail.get(49), undefined)
  tail.push(entry(3))
  t.strictSame([2, 3, 4].map(offset => tail.get(offset)?.update.offset), [undefined, 3, undefined])
})
