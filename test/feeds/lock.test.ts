// A lock with so many places, taken in order.
import { test } from 'tap'
import { createLock } from '../../services/feeds/lock.ts'

test('so many hold it at once, the others in the order in which they asked', async t => {
  const lock = createLock(2)
  const order: string[] = []
  const releases: Array<() => void> = []
  const all = ['a', 'b', 'c', 'd'].map(async name => {
    releases.push(await lock.acquire())
    order.push(name)
  })
  await all[1]
  t.strictSame(order, ['a', 'b'])
  releases.shift()?.()
  await all[2]
  t.strictSame(order, ['a', 'b', 'c'])
  releases.shift()?.()
  await all[3]
  for (const release of releases) release()
  const [first, second] = [await lock.acquire(), await lock.acquire()]
  t.strictSame([typeof first, typeof second], ['function', 'function'], 'and all places are free again')
})
