// Position checks: plain reads at a bounded pace, all rooms at once after a reconnect, and lives renewed in time.
import { test, type Test } from 'tap'
import type { Broker, Message } from '../../services/broker/broker.ts'
import { createMemoryBroker } from '../../services/broker/memory-broker.ts'
import { createFeeds } from '../../services/feeds/feeds.ts'
import type { Member } from '../../services/feeds/member.ts'
import { createMetrics } from '../../services/observe/metrics.ts'
import { readSettings } from '../../services/settings/read.ts'
import { COMMANDS_ROOM, type RoomKey } from '../../services/wire/rooms.ts'
import { RoomcastError } from '../../services/wire/errors.ts'
import { eventually, publication, silentLog, upTo } from '../helpers/index.ts'

interface Read {
  way: 'positions' | 'touch'
  rooms: RoomKey[]
  at: number
}

/** Feeds on an embedded broker that writes down what is asked of it, and can be made to refuse or to lose. */
async function watched (t: Test, rooms: RoomKey[], env: Record<string, string>) {
  const settings = readSettings(env)
  const metrics = createMetrics()
  const inner = createMemoryBroker({ instance: 'one', settings, metrics })
  const reads: Read[] = []
  const refusals = { positions: 0, history: 0 }
  let isLost: (message: Message) => boolean = () => false
  const refuse = (what: keyof typeof refusals) => {
    if (refusals[what] === 0) return
    refusals[what]--
    throw new RoomcastError('broker/unavailable')
  }
  const broker: Broker = {
    ...inner,
    subscribe: (room, onMessage) => inner.subscribe(room, message => { if (!isLost(message)) onMessage(message) }),
    async positions (some, retention) {
      reads.push({ way: 'positions', rooms: some, at: performance.now() })
      refuse('positions')
      return await inner.positions(some, retention)
    },
    async touch (some, retention) {
      reads.push({ way: 'touch', rooms: some, at: performance.now() })
      return await inner.touch(some, retention)
    },
    async history (...args) {
      refuse('history')
      return await inner.history(...args)
    }
  }
  const feeds = createFeeds({ broker, settings, metrics, log: silentLog })
  t.teardown(async () => {
    await feeds.close()
    await inner.close()
  })
  const offsets: number[] = []
  const member: Member = {
    position: 0,
    deliver ({ entries }) {
      for (const { update } of entries) if (update.kind === 'update') offsets.push(update.offset)
    },
    isFull: () => false,
    isLagging: () => false,
    whenDrained: callback => callback(),
    end () {}
  }
  for (const room of rooms) await (await feeds.open(room)).join(room === rooms.at(-1) ? member : { ...member, deliver () {} }, undefined, () => {})
  reads.length = 0
  feeds.start()
  return {
    broker,
    feeds,
    reads,
    offsets,
    refusals,
    /** As /metrics tells it. */
    async roundSeconds () { return (await metrics.positionRoundSeconds.get()).values[0]?.value ?? NaN },
    lose (which: (message: Message) => boolean) { isLost = which },
    publish: (room: RoomKey) => inner.publish(publication({ room })),
    checks: () => reads.filter(({ way }) => way === 'positions').map(({ rooms }) => rooms),
    /** How often each of the rooms was asked for. */
    counts (way?: Read['way']): number[] {
      const asked = reads.filter(read => way === undefined || read.way === way).flatMap(read => read.rooms)
      return rooms.map(room => asked.filter(other => other === room).length)
    }
  }
}

const roomsUpTo = (n: number) => upTo(n).map(i => `acme/board-${i}`)

test('every room is compared each POSITION_CHECK_MS, by plain reads alone', async t => {
  const { counts, roundSeconds } = await watched(t, roomsUpTo(30), { POSITION_CHECK_MS: '50' })
  await eventually(() => counts('positions').every(count => count >= 3))
  t.strictSame(counts('touch'), Array(30).fill(0))
  t.ok(await roundSeconds() > 0.04, 'the pause until the next round counts')
})

test('POSITION_CHECKS_PER_SECOND: with more rooms a round takes longer, a chunk after the other', async t => {
  const { counts, reads, roundSeconds } = await watched(t, roomsUpTo(100), { POSITION_CHECK_MS: '100', POSITION_CHECKS_PER_SECOND: '200' })
  await eventually(() => counts().every(count => count >= 3))
  t.ok(reads.every(({ rooms }) => rooms.length <= 20), 'no more in one read than in POSITION_CHECK_MS')
  const elapsed = (reads.at(-1) as Read).at - (reads[0] as Read).at
  t.ok(elapsed > 900, `three rounds of 100 rooms at 200 a second took ${Math.round(elapsed)} ms`)
  t.ok(await roundSeconds() > 0.4, 'as the metric tells')
  t.ok(Math.max(...counts()) - Math.min(...counts()) <= 1, 'none more often than the others')
})

test('after a reconnect all rooms are compared at once, whatever the pace; the commands before the others', async t => {
  const { broker, counts, reads } = await watched(t, [COMMANDS_ROOM, ...roomsUpTo(1200)], { POSITION_CHECK_MS: '60000', POSITION_CHECKS_PER_SECOND: '10' })
  broker.events.emit('resumed', () => true)
  await eventually(() => counts().every(count => count === 1))
  t.strictSame(reads[0]?.rooms, [COMMANDS_ROOM])
  t.ok(reads.every(({ rooms }) => rooms.length <= 500))
})

test('rooms that the broker refused are checked again with the next chunks, and delay no other room', async t => {
  const { counts, reads, refusals } = await watched(t, roomsUpTo(40), { POSITION_CHECK_MS: '100', POSITION_CHECKS_PER_SECOND: '100' })
  refusals.positions = 1
  await eventually(() => counts().every(count => count >= 1))
  const [refused, ...next] = reads.map(({ rooms }) => rooms) as [RoomKey[], ...RoomKey[][]]
  t.strictSame(next.map(some => some.filter(room => refused.includes(room))), [refused.slice(0, 5), refused.slice(5), []])
  t.strictSame(next.map(some => some.filter(room => !refused.includes(room)).length), [10, 10, 10])
  const pauses = reads.slice(1).map(({ at }, i) => at - (reads[i] as Read).at)
  t.ok(pauses.slice(1).every(ms => ms > 140), 'a longer read has a longer pause, for POSITION_CHECKS_PER_SECOND')

  const few = await watched(t, roomsUpTo(3), { POSITION_CHECK_MS: '50' })
  few.refusals.positions = 1
  await eventually(() => few.reads.length === 4)
  t.strictSame(few.reads.map(({ rooms }) => rooms.length), [3, 3, 3, 3], 'once a read, and all of them')
})

test('a room that was opened during a round is part of it', async t => {
  const { feeds, checks } = await watched(t, roomsUpTo(40), { POSITION_CHECK_MS: '100', POSITION_CHECKS_PER_SECOND: '100' })
  await eventually(() => checks().length === 1)
  await feeds.open('acme/newcomer')
  await eventually(() => checks().some(rooms => rooms.includes('acme/newcomer')))
  t.equal(checks().length, 5)

  const few = await watched(t, roomsUpTo(3), { POSITION_CHECK_MS: '50' })
  await eventually(() => few.checks().length === 1)
  await few.feeds.open('acme/newcomer')
  await eventually(() => few.checks().length === 3)
  t.strictSame(few.checks().map(rooms => new Set(rooms).size), [3, 4, 4], 'no room waits for what was left of the round')
})

test('a feed that could not be repaired is compared with the next chunk, not a round later', async t => {
  const rooms = roomsUpTo(60)
  const last = rooms.at(-1) as RoomKey
  const { publish, lose, reads, refusals, offsets } = await watched(t, rooms, { POSITION_CHECK_MS: '100', POSITION_CHECKS_PER_SECOND: '100' })
  lose(message => message.kind === 'update' && message.offset === 1)
  refusals.history = 1
  await eventually(() => reads.length === 1)
  await publish(last)
  await publish(last)
  await eventually(() => offsets.length === 2)
  t.strictSame(offsets, [1, 2])
  t.ok(reads.findIndex(read => read.rooms.includes(last)) <= 2, 'its turn in the round was the sixth')
})

test('a room that was left is not asked for', async t => {
  const { broker, feeds, reads } = await watched(t, roomsUpTo(20), { POSITION_CHECK_MS: '60000', ROOM_LINGER_MS: '0' })
  const left = feeds.get('acme/board-7')
  for (const member of left?.members() ?? []) left?.leave(member)
  await eventually(() => feeds.get('acme/board-7') === undefined)
  broker.events.emit('resumed', () => true)
  await eventually(() => reads.length > 0)
  t.equal(reads[0]?.rooms.length, 19)
})

test('lives are renewed before a third of them has passed, not all at once; and at once in a new epoch', async t => {
  const rooms = roomsUpTo(40)
  // The shortest of a room's lives counts; a third of this one is 3.3 s.
  const { broker, counts, reads } = await watched(t, rooms, { POSITION_CHECK_MS: '50', PRESENCE_TTL_SECONDS: '10' })
  const beganAt = performance.now()
  const [before] = await broker.positions(['acme/board-9'])
  await broker.renewEpoch('acme/board-9', before?.epoch ?? '')
  await eventually(() => counts('touch')[8] === 1)
  const [renewal] = reads.filter(({ way }) => way === 'touch')
  t.strictSame(renewal?.rooms, ['acme/board-9'])
  t.ok((renewal?.at ?? Infinity) - beganAt < 1600, 'long before its time')

  await eventually(() => counts('touch').every(count => count >= 1))
  const others = reads.filter(({ way, rooms }) => way === 'touch' && !rooms.includes('acme/board-9'))
  t.ok(others.length > 5, `${others.length} renewals of 39 rooms`)
  t.ok(others.every(({ at }) => at - beganAt > 1500))
})
