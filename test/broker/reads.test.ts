// Reads take turns: a bound of calls and of bytes, callers in turn, one read of a room at a time.
import { test } from 'tap'
import { createReads, type ReadRequest } from '../../services/broker/reads.ts'
import { createMetrics } from '../../services/observe/metrics.ts'
import { readSettings } from '../../services/settings/read.ts'

const KIB = 1024

/** Reads that answer when they are told to. */
function controlled (env: Record<string, string>) {
  const metrics = createMetrics()
  const reads = createReads({ settings: readSettings(env), metrics })
  const begun: string[] = []
  const answers = new Map<string, (value: string | Error) => void>()
  return {
    begun,
    ask (name: string, request: Partial<ReadRequest> = {}): Promise<string> {
      const { room = name } = request
      return reads.run({ room, caller: room, bytes: KIB, question: name, ...request }, () => new Promise((resolve, reject) => {
        begun.push(name)
        answers.set(name, value => typeof value === 'string' ? resolve(value) : reject(value))
      }))
    },
    /** Lets one end; what waits for it has begun when this resolves. */
    async answer (name: string, value: string | Error = `answer of ${name}`) {
      answers.get(name)?.(value)
      await new Promise(resolve => setImmediate(resolve))
    },
    waiting: async () => (await metrics.readsWaiting.get()).values[0]?.value
  }
}

test('READS_AT_ONCE: so many begin at once, and another when one has ended, well or not', async t => {
  const { ask, answer, begun, waiting } = controlled({ READS_AT_ONCE: '2' })
  const all = ['a', 'b', 'c', 'd'].map(name => ask(name))
  t.strictSame(begun, ['a', 'b'])
  t.equal(await waiting(), 2)
  await answer('b')
  t.strictSame(begun, ['a', 'b', 'c'])
  const refused = t.rejects(all[0] as Promise<string>, { message: 'refused' })
  await answer('a', new Error('refused'))
  await refused
  t.strictSame(begun, ['a', 'b', 'c', 'd'])
  await answer('c')
  await answer('d')
  t.strictSame(await Promise.all(all.slice(1)), ['answer of b', 'answer of c', 'answer of d'])
  t.equal(await waiting(), 0)
})

test('READS_MAX_BYTES: what may be large waits until it fits, and one that never fits is made alone', async t => {
  const { ask, answer, begun } = controlled({ READS_MAX_BYTES: String(100 * KIB) })
  for (const [name, kib] of [['a', 60], ['b', 60], ['c', 10], ['d', 500]] as const) void ask(name, { bytes: kib * KIB })
  t.strictSame(begun, ['a'], 'the second does not fit, and nobody overtakes it')
  await answer('a')
  t.strictSame(begun, ['a', 'b', 'c'])
  await answer('b')
  t.strictSame(begun, ['a', 'b', 'c'])
  await answer('c')
  t.strictSame(begun, ['a', 'b', 'c', 'd'])
})

test('callers take turns: who asks for much does not hold up who asks for little', async t => {
  const { ask, answer, begun } = controlled({ READS_AT_ONCE: '1' })
  for (const n of [1, 2, 3, 4]) void ask(`much-${n}`, { caller: 'much' })
  void ask('little-1', { caller: 'little' })
  void ask('other-1', { caller: 'other' })
  void ask('little-2', { caller: 'little' })
  for (let i = 0; i < 7; i++) await answer(begun.at(-1) as string)
  t.strictSame(begun, ['much-1', 'much-2', 'little-1', 'other-1', 'much-3', 'little-2', 'much-4'])
})

test('of one room one read is made at a time; another room of that caller does not wait for it for long', async t => {
  const { ask, answer, begun } = controlled({})
  void ask('first', { room: 'acme/board-1', caller: 'ann' })
  void ask('second', { room: 'acme/board-1', caller: 'bob' })
  void ask('elsewhere', { room: 'acme/board-2', caller: 'eve' })
  t.strictSame(begun, ['first', 'elsewhere'])
  await answer('first')
  t.strictSame(begun, ['first', 'elsewhere', 'second'])
})

test('equal requests share a read that has not begun, never one that has', async t => {
  const { ask, answer, begun } = controlled({})
  const same = { room: 'acme/board-1', question: 'history 0' }
  const first = ask('first', same)
  const shared = [ask('second', { ...same, caller: 'ann' }), ask('third', { ...same, caller: 'bob' })]
  const other = ask('other', { room: 'acme/board-1', question: 'history 7' })
  await answer('first')
  t.equal(await first, 'answer of first')
  t.strictSame(begun, ['first', 'second'])
  await answer('second')
  t.strictSame(await Promise.all(shared), ['answer of second', 'answer of second'])
  t.strictSame(begun, ['first', 'second', 'other'])
  await answer('other')
  t.equal(await other, 'answer of other')
})
