// Things that end a while after their last use: in order, once, with one timer for all.
import { test } from 'tap'
import { createLinger } from '../../services/feeds/linger.ts'
import { eventually } from '../helpers/index.ts'

function timers (): number {
  return process.getActiveResourcesInfo().filter(name => name === 'Timeout').length
}

test('each ends once, in the order of its last use, and not before its time', async t => {
  const ended: Array<[string, number]> = []
  const linger = createLinger<string>(50, thing => { ended.push([thing, performance.now()]) })
  const putAt = new Map<string, number>()
  const put = (thing: string) => {
    putAt.set(thing, performance.now())
    linger.put(thing)
  }
  for (const thing of ['a', 'b', 'c', 'd']) put(thing)
  linger.delete('b')
  put('a')
  t.equal(linger.next(), 'c')
  await eventually(() => ended.length === 3)
  t.strictSame(ended.map(([thing]) => thing), ['c', 'd', 'a'])
  for (const [thing, at] of ended) t.ok(at - (putAt.get(thing) ?? 0) >= 49, thing)
  t.equal(linger.next(), undefined)
  put('e')
  await eventually(() => ended.length === 4)
})

test('twenty thousand have one timer, and none is left when they have ended or are cleared', async t => {
  const before = timers()
  let ended = 0
  const linger = createLinger<number>(20, () => { ended++ })
  for (let i = 0; i < 20_000; i++) linger.put(i)
  t.ok(timers() - before <= 1)
  await eventually(() => ended === 20_000)
  t.equal(timers(), before)
  linger.put(1)
  linger.clear()
  t.equal(timers(), before)
})
