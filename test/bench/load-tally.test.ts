// The counts of the benchmark's load: what is lost, repeated or out of order is seen, and what may pass each other is not blamed.
import { test } from 'tap'
import { createTally, type LoadMember } from '../../bench/load/tally.ts'

const newMember = (room = 0): LoadMember => ({ room, seen: new Uint8Array(), furthest: -1 })

function deliver (tally: ReturnType<typeof createTally>, member: LoadMember, ...numbers: number[]): void {
  for (const n of numbers) {
    const text = Buffer.from(`42["update",{"_n":${n},"pad":"x"}]`)
    tally.onMessage(member, text, 0, text.length)
  }
}

/** Four updates to one room of one member, each answered before the next is sent; `numbers` is what it gets. */
function countsOf (...numbers: number[]) {
  const member = newMember()
  const tally = createTally([member], 1, 100, 4)
  while (tally.hasNext()) tally.answered(tally.next())
  deliver(tally, member, ...numbers)
  const { expected, delivered, lost, repeated, outOfOrder } = tally.counts()
  return { expected, delivered, lost, repeated, outOfOrder, isComplete: tally.isComplete() }
}

const WHOLE = { expected: 4, delivered: 4, lost: 0, repeated: 0, outOfOrder: 0, isComplete: true }

test('all in order is whole', async t => t.strictSame(countsOf(100, 101, 102, 103), WHOLE))
test('what never came is lost', async t => t.strictSame(countsOf(100, 103), { ...WHOLE, delivered: 2, lost: 2, isComplete: false }))
test('what comes twice is repeated', async t => t.strictSame(countsOf(100, 101, 101, 102, 103), { ...WHOLE, repeated: 1 }))
test('what comes after its successor is out of order', async t => t.strictSame(countsOf(100, 102, 101, 103), { ...WHOLE, outOfOrder: 1 }))
test('stragglers of the phase before are not counted', async t => t.strictSame(countsOf(98, 99, 100, 101, 102, 103), WHOLE))

test('updates that were under way together may come in any order', async t => {
  const member = newMember()
  const tally = createTally([member], 1, 0, 2)
  tally.next()
  tally.next()
  deliver(tally, member, 1, 0)
  t.match(tally.counts(), { delivered: 2, outOfOrder: 0 })
})

test('rooms take turns, and a member counts only what is of its own room', async t => {
  const members = [newMember(0), newMember(1), newMember(1)]
  const tally = createTally(members, 2, 0, 4)
  while (tally.hasNext()) tally.answered(tally.next())
  t.equal(tally.counts().expected, 6)
  for (const member of members) deliver(tally, member, 0, 1, 2, 3)
  t.match(tally.counts(), { delivered: 6, lost: 0 })
})

test('several updates in one message are all seen', async t => {
  const member = newMember()
  const tally = createTally([member], 1, 0, 2)
  while (tally.hasNext()) tally.answered(tally.next())
  const text = Buffer.from('noise 42["update",{"_n":0}] 42["update",{"_n":1}] noise {"_n":1}')
  tally.onMessage(member, text, 6, text.length - 15)
  t.match(tally.counts(), { delivered: 2, repeated: 0 })
})
