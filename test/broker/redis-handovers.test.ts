// Slots that moved: whose rooms count as whole at their new master, and when that is not certain.
import { test } from 'tap'
import { createRedisHandovers, type Holder } from '../../services/broker/redis-handovers.ts'

const SLOT = 7
const LOOKED_AT = 1000

interface Master extends Holder {
  runId: string
  since: number
  isSilent: boolean
}

function master (id: string): Master {
  const own: Master = {
    id,
    runId: `run-of-${id}`,
    since: 0,
    isSilent: false,
    link: { process: async () => own.isSilent ? undefined : { runId: own.runId, replicationId: '', since: own.since } }
  }
  return own
}

function three () {
  const [a, b, c] = [master('a'), master('b'), master('c')]
  const handovers = createRedisHandovers<Master>()
  return {
    a,
    b,
    c,
    handovers,
    move: (from: Master, to: Master | undefined, slot = SLOT) => handovers.moved([{ slot, from, to }], [a, b, c], LOOKED_AT),
    /** What the script on a room of the slot is told to trust. */
    wholeAt: (holder: Master, slot = SLOT, whole = '') => handovers.identityAt(holder, slot, { runId: `${holder.id}.${holder.runId}`, whole }).whole
  }
}

test('a slot that moved between masters that stayed: its rooms are whole, those of other slots are as before', async t => {
  const { a, b, move, wholeAt, handovers } = three()
  t.equal(await move(a, b), true)
  t.equal(wholeAt(b), 'a.run-of-a')
  t.equal(wholeAt(b, SLOT, 'b.'), 'b. a.run-of-a', 'beside what its own append-only file keeps')
  t.equal(wholeAt(b, SLOT + 1), '')
  t.equal(wholeAt(a), '')
  const identity = { runId: 'b.run-of-b', whole: '' }
  t.equal(handovers.identityAt(b, SLOT, identity), handovers.identityAt(b, SLOT, identity), 'the same object')
})

test('a slot that moved on, and back, is whole at each master', async t => {
  const { a, b, c, move, wholeAt } = three()
  await move(a, b)
  await move(b, c)
  t.equal(wholeAt(c), 'b.run-of-b a.run-of-a')
  await move(c, a)
  t.equal(wholeAt(a), 'c.run-of-c b.run-of-b a.run-of-a')
  t.strictSame([wholeAt(b), wholeAt(c)], ['', ''], 'nothing is left behind')
  for (let i = 0; i < 20; i++) {
    await move(a, b)
    await move(b, a)
  }
  t.equal(wholeAt(a).split(' ').length, 3, 'the list does not grow')
})

for (const [what, spoil] of [
  ['another process since the previous look', (b: Master) => { b.since = LOOKED_AT + 1 }],
  ['a master that does not answer', (b: Master) => { b.isSilent = true }]
] as const) {
  test(`${what}: not whole, and earlier moves prove nothing any more`, async t => {
    const { a, b, c, move, wholeAt } = three()
    await move(a, c, 1)
    spoil(b)
    t.equal(await move(a, c, 2), false)
    t.strictSame([wholeAt(c, 1), wholeAt(c, 2)], ['', ''])
  })
}

test('a master that was none at the previous look: not whole', async t => {
  const { a, move, wholeAt } = three()
  t.equal(await move(a, undefined), false)
  t.equal(wholeAt(a), '')
})

test('a master that was restarted after the move does not count as the one that received it', async t => {
  const { a, b, move, wholeAt, handovers } = three()
  await move(a, b)
  b.runId = 'restarted'
  t.equal(wholeAt(b), '')
  b.runId = 'run-of-b'
  t.equal(wholeAt(b), 'a.run-of-a')
  handovers.forget()
  t.equal(wholeAt(b), '')
})

test('a move after a restart of the giver does not hand on what the giver had received before', async t => {
  const { a, b, c, move, wholeAt } = three()
  await move(a, b)
  b.runId = 'restarted'
  t.equal(await move(b, c), true)
  t.equal(wholeAt(c), 'b.restarted')
})
