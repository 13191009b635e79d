// What every broker guarantees of what the backend is told: one suite for both, then what only several instances can show.
import { test, type Test } from 'tap'
import type { Broker } from '../../services/broker/broker.ts'
import type { HookChange, HookState } from '../../services/broker/hooks.ts'
import { fieldsOf, type WebhookEvent } from '../../services/hooks/events.ts'
import { connected, eventually, memoryBroker, redisBroker, startRedis, type Env } from '../helpers/index.ts'

type Start = (t: Test, env?: Env) => Promise<Broker>

const ALL = { WEBHOOK_EVENTS: 'room.occupied,room.vacated,member.joined,member.left' }
const ANN = 'member acme/board-1 ann'
const ROOM = 'room acme/board-1'
const CLAIM_MS = 5000

function held (subject: string, rest: Partial<HookChange> = {}): HookChange {
  const person = subject === ANN ? { userId: 'ann', displayName: 'Ann "A" Ünal' } : undefined
  return { subject, isHeld: true, stay: undefined, isDelivered: false, fields: fieldsOf('acme/board-1', person), ...rest }
}

const over = (subject: string, rest: Partial<HookChange> = {}) => held(subject, { ...rest, isHeld: false })

/** Reports under one name, in turn. */
function tellerOf ({ hooks }: Broker, teller: string) {
  let number = 0
  const ask = (changes: HookChange[], retire?: string) => hooks.report({ teller, number: ++number, changes, retire })
  return {
    ask,
    async tell (changes: HookChange[], retire?: string): Promise<HookState> {
      const answer = await ask(changes, retire)
      if (answer.outcome !== 'told') throw new Error(answer.outcome)
      return answer
    }
  }
}

/** All that waits, as if it were delivered. */
async function deliver ({ hooks }: Broker): Promise<WebhookEvent[]> {
  const events: WebhookEvent[] = []
  for (;;) {
    const batch = await hooks.claim(CLAIM_MS)
    if (batch === undefined) return events
    events.push(...batch.events.map(text => JSON.parse(text) as WebhookEvent))
    await hooks.taken(batch.last)
  }
}

const names = (events: WebhookEvent[]) => events.map(({ event }) => event)

test('the embedded broker', async t => {
  await suite(t, async (t, env) => memoryBroker(t, { ...ALL, ...env }))
})

test('the broker on Redis', async t => {
  const redis = await startRedis(t)
  let started = 0
  await suite(t, async (t, env) => await connected(redisBroker(t, redis.url, { REDIS_PREFIX: `suite-${++started}`, ...ALL, ...env })))
})

async function suite (t: Test, start: Start): Promise<void> {
  await t.test('what begins and what ends is an event each, of one stay, in order; said again it is none', async t => {
    const broker = await start(t)
    const { tell } = tellerOf(broker, 'one.1')
    const first = await tell([held(ROOM), held(ANN)])
    t.match(first, { outcome: 'told', stays: [String, String], waiting: 2, dropped: 0 })
    t.strictSame((await tell([held(ANN), held(ROOM)])).stays, first.stays.toReversed())
    t.equal((await tell([over(ANN), over(ROOM)])).waiting, 4)
    t.equal((await tell([over(ANN)])).waiting, 4)
    const events = await deliver(broker)
    t.strictSame(names(events), ['room.occupied', 'member.joined', 'member.left', 'room.vacated'])
    t.match(events[1], { workspaceId: 'acme', appId: 'board-1', userId: 'ann', displayName: 'Ann "A" Ünal', at: Number })
    t.strictSame(events.map(({ id }) => id), [`${first.stays[0]}.occupied`, `${first.stays[1]}.joined`, `${first.stays[1]}.left`, `${first.stays[0]}.vacated`])
    await tell([held(ANN)])
    const [again] = await deliver(broker)
    t.not(again?.id, events[1]?.id, 'another stay')
  })

  await t.test('only what WEBHOOK_EVENTS names is told', async t => {
    const broker = await start(t, { WEBHOOK_EVENTS: 'member.left,room.occupied' })
    const { tell } = tellerOf(broker, 'one.1')
    await tell([held(ROOM), held(ANN), over(ANN), over(ROOM)])
    t.strictSame(names(await deliver(broker)), ['room.occupied', 'member.left'])
  })

  await t.test('a batch stays as it is until it is taken', async t => {
    const broker = await start(t, { WEBHOOK_BATCH_SIZE: '2' })
    const { tell } = tellerOf(broker, 'one.1')
    await tell([held(ROOM)])
    const batch = await broker.hooks.claim(CLAIM_MS)
    await tell([held(ANN)])
    t.strictSame(await broker.hooks.claim(CLAIM_MS), batch)
    t.equal(batch?.events.length, 1)
    t.strictSame(await broker.hooks.taken(batch?.last ?? ''), { delivered: 1, waiting: 1 })
    t.strictSame(names(await deliver(broker)), ['member.joined'])
    t.equal(await broker.hooks.claim(CLAIM_MS), undefined)
  })

  await t.test('at most WEBHOOK_QUEUE_SIZE wait: the oldest are dropped, those under way are not', async t => {
    const broker = await start(t, { WEBHOOK_QUEUE_SIZE: '4', WEBHOOK_BATCH_SIZE: '2' })
    const { tell } = tellerOf(broker, 'one.1')
    const some = (...ns: number[]) => ns.map(n => held(`room acme/board-${n}`, { fields: fieldsOf(`acme/board-${n}`) }))
    await tell(some(1, 2))
    t.equal((await broker.hooks.claim(CLAIM_MS))?.events.length, 2)
    t.match(await tell(some(3, 4, 5, 6)), { waiting: 4, dropped: 2 })
    t.strictSame((await deliver(broker)).map(({ appId }) => appId), ['board-1', 'board-2', 'board-5', 'board-6'])
  })

  await t.test('who leaves as the last one has told all', async t => {
    const broker = await start(t, { ROOM_LINGER_MS: '60000', PRESENCE_LINGER_MS: '60000' })
    const { tell } = tellerOf(broker, 'one.1')
    await tell([held(ROOM), held(ANN)])
    t.match(await tell([], 'one.1'), { isRetired: true, waiting: 4 })
    t.strictSame(names(await deliver(broker)).slice(0, 2), ['room.occupied', 'member.joined'])
  })
}

async function two (t: Test, env: Env = {}) {
  const redis = await startRedis(t)
  const settings = { ...ALL, HEARTBEAT_MS: '100', LEASE_MS: '300', ...env }
  const start = (name: string) => connected(redisBroker(t, redis.url, settings, name))
  const brokers: [Broker, Broker] = [await start('one'), await start('two')]
  return { redis, brokers, one: tellerOf(brokers[0], 'one.1'), two: tellerOf(brokers[1], 'two.1') }
}

test('of several instances the first begins a stay, and the last one ends it', async t => {
  const { brokers: [broker], one, two: other } = await two(t)
  const { stays } = await one.tell([held(ANN)])
  t.strictSame((await other.tell([held(ANN)])).stays, stays)
  t.equal((await one.tell([over(ANN)])).waiting, 1)
  await one.tell([held(ANN), over(ANN)])
  t.equal((await other.tell([over(ANN)])).waiting, 2)
  t.strictSame(names(await deliver(broker)), ['member.joined', 'member.left'])
})

test('a report whose answer was lost is executed once, and answered the same', async t => {
  const { brokers: [broker] } = await two(t)
  const report = { teller: 'one.1', number: 1, changes: [held(ANN)] }
  const first = await broker.hooks.report(report)
  t.strictSame(await broker.hooks.report({ ...report }), first)
  t.equal((await deliver(broker)).length, 1)
})

test('one delivers at a time: another goes on with the same batch when its time has passed, or when it gives up', async t => {
  const { brokers: [a, b], one } = await two(t)
  await one.tell([held(ANN)])
  const batch = await a.hooks.claim(200)
  await one.tell([held(ROOM)])
  t.equal(await b.hooks.claim(CLAIM_MS), undefined)
  t.strictSame(await eventually(() => b.hooks.claim(CLAIM_MS)), batch)
  t.equal(await a.hooks.claim(CLAIM_MS), undefined)
  t.strictSame(await a.hooks.taken(batch?.last ?? ''), { delivered: 1, waiting: 1 }, 'whoever says so')
  t.strictSame(await b.hooks.taken(batch?.last ?? ''), { delivered: 0, waiting: 1 })
  await b.hooks.abandon()
  t.strictSame(names(await deliver(a)), ['room.occupied'])
})

test('a silent instance is retired by another, its deliveries go on, and it reports under that name no more', async t => {
  const { brokers: [a, b], one, two: other } = await two(t)
  await one.tell([held(ANN), held(ROOM)])
  await other.tell([held(ROOM)])
  await a.hooks.claim(60_000)
  t.match(await other.tell([], 'one.1'), { silent: [] })
  t.equal((await other.tell([])).waiting, 2, 'not while it reports')
  await eventually(async () => (await other.tell([])).silent[0] === 'one.1')
  t.match(await other.tell([], 'one.1'), { isRetired: true, silent: [] })
  t.strictSame(names(await deliver(b)), ['member.joined', 'room.occupied', 'member.left'])
  t.strictSame(await one.ask([held(ANN)]), { outcome: 'gone' })
  await tellerOf(a, 'one.2').tell([held(ANN)])
  t.strictSame(names(await deliver(b)), ['member.joined'])
})

test('what leaves with an instance lingers: who is back elsewhere in time has never left', async t => {
  const { brokers: [a, b], one, two: other } = await two(t, { PRESENCE_LINGER_MS: '300', ROOM_LINGER_MS: '300', LEASE_MS: '10000' })
  const bob = held('member acme/board-1 bob', { fields: fieldsOf('acme/board-1', { userId: 'bob', displayName: 'Bob' }) })
  await other.tell([])
  await one.tell([held(ANN), bob])
  t.match(await one.tell([], 'one.1'), { isRetired: true, waiting: 2 })
  await other.tell([held(ANN)])
  t.strictSame(names(await deliver(a)), ['member.joined', 'member.joined'])
  await eventually(async () => (await other.tell([])).waiting > 0)
  t.match(await deliver(b), [{ event: 'member.left', userId: 'bob' }])
})

test('after Redis lost everything, what is said again is no event; what was not delivered has its id again', async t => {
  const { redis, brokers: [a, b], one, two: other } = await two(t)
  const [delivered] = (await one.tell([held(ANN)])).stays
  await other.tell([])
  await deliver(a)
  const [waiting] = (await one.tell([held(ROOM)])).stays
  await redis.client().flushall()
  t.strictSame(await one.ask([]), { outcome: 'lost' })
  const carl = held('member acme/board-1 carl', { fields: fieldsOf('acme/board-1', { userId: 'carl', displayName: 'Carl' }) })
  t.strictSame(await other.ask([]), { outcome: 'lost' })
  const again = tellerOf(b, 'two.2')
  // It knows neither stay: as long as others may still say what they know, nothing is told.
  t.strictSame((await again.tell([held(ANN), carl])).stays, ['-', '-'])
  const restored = tellerOf(a, 'one.2')
  await restored.tell([held(ANN, { stay: delivered, isDelivered: true }), held(ROOM, { stay: waiting })])
  await eventually(async () => (await restored.tell([])).waiting === 2)
  const events = await deliver(a)
  t.strictSame(events.map(({ event }) => event).toSorted(), ['member.joined', 'room.occupied'])
  t.equal(events.find(({ event }) => event === 'room.occupied')?.id, `${waiting}.occupied`)
  t.match(events.find(({ event }) => event === 'member.joined'), { userId: 'carl' })
  await restored.tell([over(ANN)])
  await again.tell([over(ANN)])
  t.match(await deliver(a), [{ id: `${delivered}.left` }])
})

test('who ended while everything was lost is told once nobody else can still hold it', async t => {
  const { redis, brokers: [a], one, two: other } = await two(t)
  const { stays: [stay] } = await one.tell([held(ANN)])
  await other.tell([held(ROOM)])
  await deliver(a)
  await redis.client().flushall()
  t.strictSame(await one.ask([over(ANN)]), { outcome: 'lost' })
  const restored = tellerOf(a, 'one.2')
  t.equal((await restored.tell([over(ANN, { stay, isDelivered: true })])).waiting, 0, 'another instance may hold it still')
  await eventually(async () => (await restored.tell([])).waiting === 1)
  t.match(await deliver(a), [{ id: `${stay}.left`, event: 'member.left' }])
})

/** Redis loses a stay. An instance that does not know it reports Ann first, then one that knows it leaves. */
async function lostStay (t: Test, isDelivered: boolean) {
  const { redis, brokers: [a, b], one, two: other } = await two(t)
  const { stays: [stay] } = await one.tell([held(ANN)])
  await other.tell([])
  if (isDelivered) await deliver(a)
  await redis.client().flushall()
  await other.ask([])
  const newcomer = tellerOf(b, 'two.2')
  await newcomer.tell([held(ANN)])
  await one.ask([])
  await tellerOf(a, 'one.2').tell([over(ANN, { stay, isDelivered })])
  return { a, stay, newcomer }
}

test('while everything was lost, one leaves who knows the stay, and another who does not was heard first: the stay goes on', async t => {
  const { a, stay, newcomer } = await lostStay(t, true)
  await eventually(async () => (await newcomer.tell([held(ANN)])).stays[0] === stay)
  await eventually(async () => (await newcomer.tell([held(ROOM)])).waiting > 0)
  t.match(await deliver(a), [{ event: 'room.occupied' }], 'after all had time to say what they know, nobody came and nobody went')
  await newcomer.tell([over(ANN)])
  t.match(await deliver(a), [{ id: `${stay}.left` }])
})

test('while everything was lost, a stay ends that may not have been told: both its events come, under their ids', async t => {
  const { a, stay, newcomer } = await lostStay(t, false)
  await newcomer.tell([over(ANN)])
  await eventually(async () => (await newcomer.tell([])).waiting === 2)
  t.match(await deliver(a), [{ id: `${stay}.joined` }, { id: `${stay}.left` }])
})
