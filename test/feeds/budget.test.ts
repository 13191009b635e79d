// One budget for all that feeds keep: the quietest goes first.
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { test } from 'tap'
import { createBudget } from '../../services/feeds/budget.ts'
import { createEnvelopeReader } from '../../services/broker/envelope.ts'
import { createBatch, createEntry, type Entry } from '../../services/feeds/batch.ts'
import { createTail } from '../../services/feeds/tail.ts'
import type { StoredUpdate } from '../../services/broker/broker.ts'
import { createMetrics } from '../../services/observe/metrics.ts'
import { counted, storedUpdate } from '../helpers/index.ts'

function budgetOf (bytes: number) {
  const metrics = createMetrics()
  const evicted: string[] = []
  return {
    budget: createBudget(bytes, metrics),
    evicted,
    holder: (name: string) => ({ evict: () => { evicted.push(name) } }),
    kept: async () => (await metrics.feedBytes.get()).values[0]?.value,
    hits: async () => (await counted(metrics.limits))[0]?.value ?? 0
  }
}

test('over the budget, what was not used for longest is evicted, and counted', async t => {
  const { budget, holder, evicted, kept, hits } = budgetOf(100)
  const [a, b, c] = ['a', 'b', 'c'].map(holder) as [ReturnType<typeof holder>, ReturnType<typeof holder>, ReturnType<typeof holder>]
  budget.use(a, 40)
  budget.use(b, 40)
  budget.use(a, 50)
  t.strictSame([evicted, await kept()], [[], 90])
  budget.use(c, 30)
  t.strictSame([evicted, await kept(), await hits()], [['b'], 80, 1])
  budget.use(b, 60)
  t.strictSame([evicted, await kept()], [['b', 'a'], 90])
})

test('bytes given back no longer count, and are not evicted again', async t => {
  const { budget, holder, evicted, kept } = budgetOf(100)
  const [a, b] = ['a', 'b'].map(holder) as [ReturnType<typeof holder>, ReturnType<typeof holder>]
  budget.use(a, 90)
  budget.use(a, 0)
  budget.use(b, 90)
  t.strictSame([evicted, await kept()], [[], 90])
})

test('the holder in use is never evicted, however large it is', async t => {
  const { budget, holder, evicted, kept } = budgetOf(100)
  budget.use(holder('small'), 10)
  budget.use(holder('large'), 500)
  t.strictSame([evicted, await kept()], [['small'], 500])
})

test('of many tails the quiet ones are emptied; an emptied one begins anew with its next update', async t => {
  const one = entry(1).bytes
  const { budget, kept } = budgetOf(one * 5)
  const tails = Array.from({ length: 3 }, () => createTail(one * 10, budget))
  const [first, second, third] = tails as [typeof tails[0] & object, typeof tails[0] & object, typeof tails[0] & object]
  for (const offset of [1, 2]) for (const tail of tails) tail.push(entry(offset))
  t.strictSame(tails.map(tail => tail.get(2)?.update.offset), [undefined, 2, 2])
  second.push(entry(3))
  first.push(entry(3))
  t.strictSame([first.get(2), first.get(3)?.update.offset, third.get(2), second.get(1)?.update.offset], [undefined, 3, undefined, 1])
  t.equal(await kept(), one * 4)
  for (const tail of tails) tail.clear()
  t.equal(await kept(), 0)
})

test('a tail holds on to nothing that it has forgotten', async t => {
  const { budget } = budgetOf(1e9)
  const tail = createTail(entry(20, 50_000).bytes * 2, budget)
  const refs = Array.from({ length: 20 }, (_, i) => {
    const pushed = entry(i + 1, 50_000)
    tail.push(pushed)
    return new WeakRef(pushed)
  })
  // A reference that was looked at in this turn keeps its target until the next.
  await new Promise(resolve => setImmediate(resolve))
  collectGarbage()
  t.strictSame(refs.map(ref => ref.deref()?.update.offset).filter(offset => offset !== undefined), [19, 20])
  t.equal(tail.get(20)?.update.offset, 20)
})

test('an update that was relayed needs its text once, not as message, payload and packets too', async t => {
  const { budget } = budgetOf(1e9)
  const tail = createTail(1e9, budget)
  const read = createEnvelopeReader('acme/board-1')
  let bytes = 0
  let framed = 0
  const relay = (from: number) => {
    bytes = 0
    for (let offset = from; offset < from + 3000; offset++) {
      const update = { v: 1, kind: 'update', epoch: 'an-epoch-of-the-room', offset, publishedAt: 1_700_000_000_000 + offset, id: `an-id-${offset}-as-long-as-a-uuid`, event: 'E', payload: { offset, text: 'x'.repeat(160) }, userId: 'ann' }
      // As it comes from a socket: a text of its own.
      const relayed = createEntry('acme/board-1', read(Buffer.from(JSON.stringify(update)).toString()) as StoredUpdate)
      tail.push(relayed)
      bytes += relayed.bytes
      framed += createBatch([relayed]).positioned.frames.length
    }
  }
  relay(1)
  await freed()
  const before = process.memoryUsage()
  relay(3001)
  await freed()
  const after = process.memoryUsage()
  const grown = after.heapUsed + after.external - before.heapUsed - before.external
  t.ok(grown < 3 * bytes, `${grown} bytes for ${bytes} of text`)
  t.ok(framed > bytes)
  t.equal(tail.get(6000)?.update.offset, 6000)
})

/** Buffers are freed by the collection after that of their owners. */
async function freed (): Promise<void> {
  for (let i = 0; i < 3; i++) {
    collectGarbage()
    await new Promise(resolve => setImmediate(resolve))
  }
}

function collectGarbage (): void {
  setFlagsFromString('--expose-gc')
  const collect = runInNewContext('gc') as () => void
  collect()
}

function entry (offset: number, size = 100): Entry {
  return createEntry('acme/board-1', storedUpdate({ offset, payload: 'x'.repeat(size) }))
}
