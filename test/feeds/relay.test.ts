// A big room is served over several turns of the event loop: what its members get in the meantime, and in which order.
import { test } from 'tap'
import { createEntry } from '../../services/feeds/batch.ts'
import type { Member } from '../../services/feeds/member.ts'
import { createRelay } from '../../services/feeds/relay.ts'
import { createTurn, type Turn } from '../../services/feeds/turn.ts'
import { createMetrics } from '../../services/observe/metrics.ts'
import { upTo } from '../helpers/index.ts'

const ABOUT = { epoch: 'e', publishedAt: Date.now(), userId: 'ann', event: 'E', payload: 1 }

/** A member that notes what it gets: offsets, and the ids of ephemeral updates. */
interface Noted extends Member {
  got: Array<number | string>
  isFullNow: boolean
  onDeliver?: () => void
}

function createNoted (): Noted {
  const member: Noted = {
    position: 0,
    got: [],
    isFullNow: false,
    deliver ({ entries }) {
      member.onDeliver?.()
      for (const { update } of entries) member.got.push(update.kind === 'update' ? update.offset : update.id)
    },
    isFull: () => member.isFullNow,
    isLagging: () => member.isFullNow,
    whenDrained () {},
    end () {}
  }
  return member
}

function createRoom ({ members = 6, membersPerTurn = 2, maxBytes = 100_000, turn = createTurn() }: { members?: number, membersPerTurn?: number, maxBytes?: number, turn?: Turn }) {
  const demoted: Noted[] = []
  const metrics = createMetrics()
  const relay = createRelay({
    room: 'acme/hall',
    turn,
    maxBytes,
    membersPerTurn,
    behind: () => demoted,
    demote: member => { demoted.push(member as Noted) },
    size: () => members,
    metrics
  })
  const all = upTo(members).map(createNoted)
  for (const member of all) relay.join(member)
  let offset = 0
  return {
    relay,
    all,
    demoted,
    metrics,
    update (count = 1) {
      for (; count > 0; count--) {
        offset++
        relay.add(createEntry('acme/hall', { ...ABOUT, kind: 'update', offset, id: `${offset}`, json: '{}' }))
      }
    },
    cursor: (id: string) => relay.add(createEntry('acme/hall', { ...ABOUT, kind: 'ephemeral', id, json: '{}' })),
    /** What members got, in the order of joining. */
    got: () => all.map(({ got }) => got)
  }
}

const nextTurn = async () => await new Promise(resolve => setImmediate(resolve))

async function manyTurns (): Promise<void> {
  for (let turns = 0; turns < 100; turns++) await nextTurn()
}

async function untilServed (done: () => boolean): Promise<void> {
  for (let turns = 0; turns < 100 && !done(); turns++) await nextTurn()
}

test('so many members get an update in a turn, the others in the next ones, and a small room is served in between', async t => {
  const turn = createTurn()
  const big = createRoom({ turn })
  const small = createRoom({ turn, members: 2 })
  big.update(2)
  await nextTurn()
  t.strictSame(big.got(), [[1, 2], [1, 2], [], [], [], []])
  small.update()
  await nextTurn()
  t.strictSame(small.got(), [[1], [1]])
  t.strictSame(big.got().slice(4), [[], []], 'the big room waits for its turns')
  await untilServed(() => big.got().every(got => got.length === 2))
  t.strictSame(big.got(), upTo(6).map(() => [1, 2]))
  t.strictSame(big.all.map(({ position }) => position), upTo(6).map(() => 2))
})

test('a room of no more members than that is served at once', async t => {
  const room = createRoom({ members: 2 })
  room.update()
  room.relay.flush()
  t.strictSame(room.got(), [[1], [1]])
  room.update()
  await nextTurn()
  t.strictSame(room.got(), [[1, 2], [1, 2]])
})

test('updates of later turns wait until all have the earlier ones, then leave together', async t => {
  const room = createRoom({})
  let deliveries = 0
  for (const member of room.all) member.onDeliver = () => { deliveries++ }
  room.update()
  await nextTurn()
  for (const n of upTo(2)) {
    room.update()
    room.relay.flush()
    room.cursor(`c${n}`)
    await nextTurn()
  }
  await manyTurns()
  t.strictSame(room.got(), upTo(6).map(() => [1, 2, 'c1', 3, 'c2']))
  t.equal(deliveries, 12, 'two batches for each')
  const { values } = await room.metrics.delivered.get()
  t.equal(values[0]?.value, 18)
  t.match((await room.metrics.relayed.get()).values, [{ labels: { kind: 'update' }, value: 3 }, { labels: { kind: 'ephemeral' }, value: 2 }])
})

test('who joins while others are served gets only what is added from then on', async t => {
  const room = createRoom({})
  room.update()
  room.cursor('c1')
  await nextTurn()
  room.update()
  room.cursor('c2')
  const late = createNoted()
  late.position = 2
  room.relay.join(late)
  room.update()
  room.cursor('c3')
  await untilServed(() => late.got.length > 0)
  const later = createNoted()
  later.position = 3
  room.relay.join(later)
  await manyTurns()
  t.strictSame(room.got(), upTo(6).map(() => [1, 'c1', 2, 'c2', 3, 'c3']))
  t.strictSame(late.got, [3, 'c3'])
  t.equal(late.position, 3)
  t.strictSame(later.got, [])
})

test('who leaves before its turn gets nothing more, and stands where it was; who comes back gets nothing twice', async t => {
  const room = createRoom({})
  room.update()
  await untilServed(() => room.got().every(got => got.length === 1))
  room.update()
  await nextTurn()
  const [served, , unserved, returning] = room.all as [Noted, Noted, Noted, Noted]
  room.relay.leave(served)
  room.relay.leave(unserved)
  room.relay.leave(returning)
  // As replay does: it hands over what is missing, and joins again.
  returning.got.push(2)
  returning.position = 2
  room.relay.join(returning)
  room.update()
  await manyTurns()
  t.strictSame(room.got(), [[1, 2], [1, 2, 3], [1], [1, 2, 3], [1, 2, 3], [1, 2, 3]])
  t.equal(served.position, 2)
  t.equal(unserved.position, 1)
  t.equal(returning.position, 3)
})

test('a member whose buffer has filled by its turn is left at its own position, and gets nothing from the relay', async t => {
  const room = createRoom({})
  room.update()
  await untilServed(() => room.got().every(got => got.length === 1))
  room.update()
  await nextTurn()
  const [slow] = room.all.slice(-1) as [Noted]
  slow.isFullNow = true
  room.cursor('c1')
  await manyTurns()
  t.strictSame(room.demoted, [slow])
  t.strictSame(slow.got, [1])
  t.equal(slow.position, 1)
  t.strictSame(room.got().slice(0, -1), upTo(5).map(() => [1, 2, 'c1']))
})

test('when more than a batch waits, all are served at once: the broker is read no faster than that', async t => {
  const room = createRoom({ maxBytes: 10 })
  room.update()
  await nextTurn()
  t.strictSame(room.got().slice(2), [[], [], [], []])
  room.update(10)
  t.ok(room.got().every(got => got.length >= 1), 'all have the first')
  await untilServed(() => room.got().every(got => got.length === 11))
  t.strictSame(room.got(), upTo(6).map(() => upTo(11)))
})

test('a room that is cleared sends nothing more', async t => {
  const room = createRoom({})
  room.update()
  await nextTurn()
  room.update()
  room.relay.clear()
  await manyTurns()
  t.strictSame(room.got(), [[1], [1], [], [], [], []])
})

test('what is sent in the middle of a delivery does not serve the others out of turn', async t => {
  const turn = createTurn()
  const room = createRoom({ turn })
  const other = createRoom({ turn, members: 1 })
  for (const member of room.all) {
    member.onDeliver = () => {
      other.update()
      turn.end()
    }
  }
  room.update()
  room.update()
  await nextTurn()
  t.strictSame(room.got(), [[1, 2], [1, 2], [], [], [], []])
  t.strictSame(other.got(), [[1, 2]])
  await untilServed(() => room.got().every(got => got.length === 2))
  t.strictSame(room.got(), upTo(6).map(() => [1, 2]))
})
