// Pages over several instances: the first keys of each, and what they make together.
import { test } from 'tap'
import { createFirst } from '../../services/instances/first.ts'
import { merge } from '../../services/instances/merge.ts'
import { createPace } from '../../services/feeds/pace.ts'
import { createRandom } from '../helpers/random.ts'

const keysOf = (count: number, name = 'key') => Array.from({ length: count }, (_, n) => `${name}-${String(n).padStart(4, '0')}`)

/** As an instance answers: what comes after a key, at most so many. */
function partOf (keys: string[], after: string | undefined, limit: number) {
  const first = createFirst(after, limit)
  for (const key of keys) first.offer(key)
  return { rows: [...first.keys()], more: first.isMore() }
}

test('the first keys after one are found in whatever order they come, and whether there are more', async t => {
  t.strictSame(partOf(['c', 'a', 'd', 'b'], undefined, 3), { rows: ['a', 'b', 'c'], more: true })
  t.strictSame(partOf(['c', 'a', 'd', 'b'], 'b', 3), { rows: ['c', 'd'], more: false })
  t.strictSame(partOf(['c', 'b'], 'c', 3), { rows: [], more: false })
  t.strictSame(partOf(['b', 'a'], undefined, 2), { rows: ['a', 'b'], more: false })
})

test('pages of several instances together hold every key once, in order, however long the part of each is', async t => {
  const random = createRandom(7)
  for (let round = 0; round < 200; round++) {
    const all = keysOf(1 + random.below(60))
    const instances = Array.from({ length: 3 }, () => all.filter(() => random.below(2) === 0).sort(() => random.below(3) - 1))
    const expected = all.filter(key => instances.some(keys => keys.includes(key)))
    const limit = 1 + random.below(20)
    const found: string[] = []
    let after: string | undefined
    for (let pages = 0; pages <= all.length; pages++) {
      // An answer may be cut short by its bytes: one row at least comes.
      const parts = instances.map(keys => partOf(keys, after, 1 + random.below(limit)))
      const { rows, next } = merge(parts, key => key, { limit })
      const isWhole = rows.every(same => same.length === instances.filter(keys => keys.includes(same[0])).length)
      if (rows.length > limit || !isWhole) t.fail(`a page of ${rows.length} rows, at most ${limit}; each of every instance that has it: ${isWhole}`)
      found.push(...rows.map(([key]) => key))
      if (next === null) break
      after = next
    }
    t.strictSame(found, expected)
  }
})

test('the pace of a room is what came in about the last minute, and fades', async t => {
  let now = 0
  const pace = createPace(() => now)
  t.equal(pace.perMinute(), 0)
  for (let n = 0; n < 600; n++) {
    now += 1000
    pace.add(2)
  }
  t.ok(Math.abs(pace.perMinute() - 120) <= 2, `two a second are ${pace.perMinute()} a minute`)
  now += 300_000
  t.ok(pace.perMinute() <= 1)
})
