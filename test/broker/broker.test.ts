// What every broker guarantees: one suite, run against the embedded broker and against Redis.
import { test, type Test } from 'tap'
import type { Broker } from '../../services/broker/broker.ts'
import { connected, eventually, historyOf, listenTo, memoryBroker, offsets, publication, redisBroker, startRedis, type Env } from '../helpers/index.ts'

type Start = (t: Test, env?: Env) => Promise<Broker>

test('the embedded broker', async t => {
  await suite(t, async (t, env) => memoryBroker(t, env))
})

test('the broker on Redis', async t => {
  const redis = await startRedis(t)
  let started = 0
  await suite(t, async (t, env) => await connected(redisBroker(t, redis.url, { REDIS_PREFIX: `suite-${++started}`, ...env })))
})

async function suite (t: Test, start: Start): Promise<void> {
  await t.test('offsets are 1, 2, 3 without holes, in one epoch', async t => {
    const broker = await start(t)
    const receipts = await Promise.all(Array.from({ length: 50 }, (_, n) => broker.publish(publication({ payload: n }))))
    t.strictSame(receipts.map(({ offset }) => offset), Array.from({ length: 50 }, (_, n) => n + 1))
    t.equal(new Set(receipts.map(({ epoch }) => epoch)).size, 1)
    t.equal(new Set(receipts.map(({ id }) => id)).size, 50)
    t.match(receipts[0], { duplicate: false, instances: 0 })
    const other = await broker.publish(publication({ room: 'acme/board-2' }))
    t.equal(other.offset, 1)
    t.not(other.epoch, receipts[0]?.epoch)
  })

  await t.test('a repeated id answers the first receipt; the same id of another sub, or room, is another update', async t => {
    const broker = await start(t)
    const { messages } = await listenTo(broker)
    const first = await broker.publish(publication({ callerId: 'a' }))
    t.match(first, { id: 'a', offset: 1, duplicate: false, instances: 1 })
    await broker.publish(publication())
    t.strictSame(await broker.publish(publication({ callerId: 'a', payload: 'not compared' })), { ...first, duplicate: true })
    t.match(await broker.publish(publication({ callerId: 'a', sub: 'bob' })), { offset: 3, duplicate: false })
    t.match(await broker.publish(publication({ callerId: 'a', room: 'acme/board-2' })), { offset: 1, duplicate: false })
    await eventually(() => messages.length >= 3)
    t.strictSame(offsets((await historyOf(broker)).updates), [1, 2, 3])
    t.equal(messages.length, 3)
  })

  await t.test('subs and ids that spell the same text together stay apart', async t => {
    const broker = await start(t)
    await broker.publish(publication({ sub: 'a', callerId: 'b:c' }))
    t.match(await broker.publish(publication({ sub: 'a:b', callerId: 'c' })), { offset: 2, duplicate: false })
  })

  await t.test('ten concurrent publishes of one id give one update', async t => {
    const broker = await start(t)
    const receipts = await Promise.all(Array.from({ length: 10 }, () => broker.publish(publication({ callerId: 'once' }))))
    t.equal(receipts.filter(({ duplicate }) => !duplicate).length, 1)
    t.ok(receipts.every(({ offset }) => offset === 1))
    t.strictSame(offsets((await historyOf(broker)).updates), [1])
  })

  await t.test('an id is forgotten after IDEMPOTENCY_TTL_SECONDS', async t => {
    const broker = await start(t, { IDEMPOTENCY_TTL_SECONDS: '1' })
    await broker.publish(publication({ callerId: 'a' }))
    t.ok(await eventually(async () => (await broker.publish(publication({ callerId: 'a' }))).offset === 2))
  })

  await t.test('history begins after `since` and keeps to the limits of count and bytes', async t => {
    const broker = await start(t)
    for (let n = 1; n <= 100; n++) await broker.publish(publication({ payload: 'x'.repeat(1000), event: `E${n}` }))
    const all = await historyOf(broker)
    t.match(all, { offset: 100, oldest: 1 })
    t.strictSame(offsets(all.updates), Array.from({ length: 100 }, (_, n) => n + 1))
    t.match(all.updates[41], { kind: 'update', epoch: all.epoch, offset: 42, event: 'E42', payload: 'x'.repeat(1000), userId: 'ann', id: String, publishedAt: Number })
    t.strictSame(offsets((await historyOf(broker, 97)).updates), [98, 99, 100])
    t.strictSame(offsets((await historyOf(broker, 10, { maxUpdates: 3 })).updates), [11, 12, 13])
    t.strictSame((await historyOf(broker, 10, { maxUpdates: 0 })).updates, [])
    t.strictSame(offsets((await historyOf(broker, 10, { maxBytes: 1 })).updates), [11], 'one comes whatever its size')
    const some = offsets((await historyOf(broker, 10, { maxBytes: 5000 })).updates)
    t.strictSame(some, Array.from({ length: some.length }, (_, n) => n + 11))
    t.ok(some.length >= 4 && some.length <= 5, `${some.length} updates in 5000 bytes`)
    for (const since of [100, 101, 1e9]) t.match(await historyOf(broker, since), { offset: 100, oldest: 1, updates: [] })
  })

  await t.test('the history of a new room is empty, at offset 0', async t => {
    const broker = await start(t)
    t.strictSame(await historyOf(broker), { epoch: (await historyOf(broker)).epoch, offset: 0, oldest: undefined, updates: [] })
  })

  await t.test('exactly HISTORY_SIZE updates are kept', async t => {
    const broker = await start(t, { HISTORY_SIZE: '5' })
    for (let n = 0; n < 5; n++) await broker.publish(publication())
    t.equal((await historyOf(broker)).oldest, 1)
    for (let n = 0; n < 7; n++) await broker.publish(publication())
    const { offset, oldest, updates } = await historyOf(broker)
    t.strictSame([offset, oldest, offsets(updates)], [12, 8, [8, 9, 10, 11, 12]])
  })

  await t.test('a publication can keep less than the settings say', async t => {
    const broker = await start(t)
    for (let n = 0; n < 3; n++) await broker.publish(publication({ retention: { historySize: 1, historySeconds: 60, roomSeconds: 60 } }))
    t.strictSame(offsets((await historyOf(broker)).updates), [3])
  })

  await t.test('history expires HISTORY_TTL_SECONDS after its newest update; offsets continue', async t => {
    const broker = await start(t, { HISTORY_TTL_SECONDS: '1' })
    const { epoch } = await broker.publish(publication())
    await eventually(async () => (await historyOf(broker)).oldest === undefined)
    t.strictSame(await historyOf(broker), { epoch, offset: 1, oldest: undefined, updates: [] })
    t.match(await broker.publish(publication()), { epoch, offset: 2 })
    t.strictSame(offsets((await historyOf(broker)).updates), [2])
  })

  await t.test('positions come in the order asked; a missing room is made at offset 0, and keeps its epoch', async t => {
    const broker = await start(t)
    const { epoch } = await broker.publish(publication())
    const [known, made] = await broker.touch(['acme/board-1', 'acme/new'])
    t.strictSame(known, { epoch, offset: 1 })
    t.match(made, { epoch: /^[\w-]+$/, offset: 0 })
    t.not(made?.epoch, epoch)
    t.strictSame(await broker.touch(['acme/new', 'acme/board-1']), [made, known])
    t.match(await broker.publish(publication({ room: 'acme/new' })), { epoch: made?.epoch, offset: 1 })
  })

  await t.test('plain positions are those that touch tells, also of a room that is missing', async t => {
    const broker = await start(t)
    const { epoch } = await broker.publish(publication())
    const [known, made] = await broker.positions(['acme/board-1', 'acme/new'])
    t.strictSame(known, { epoch, offset: 1 })
    t.match(made, { epoch: /^[\w-]+$/, offset: 0 })
    t.strictSame(await broker.touch(['acme/new', 'acme/board-1']), [made, known])
    t.strictSame(await broker.positions(['acme/new', 'acme/board-1']), [made, known])
  })

  await t.test('a SUBSCRIBE from a position that was read finds the same room', async t => {
    const broker = await start(t)
    const { epoch, offset } = await historyOf(broker, 0, {}, 'acme/read')
    t.strictSame(await broker.touch(['acme/read']), [{ epoch, offset }])
    t.match(await broker.publish(publication({ room: 'acme/read' })), { epoch, offset: 1 })
  })

  await t.test('renewEpoch is compare-and-swap: of many who ask, the first changes something', async t => {
    const broker = await start(t)
    const { epoch } = await broker.publish(publication())
    await broker.renewEpoch('acme/board-1', 'another')
    t.strictSame(await broker.touch(['acme/board-1']), [{ epoch, offset: 1 }])
    await broker.renewEpoch('acme/board-1', epoch)
    const renewed = await historyOf(broker)
    t.not(renewed.epoch, epoch)
    t.match(renewed, { offset: 0, oldest: undefined, updates: [] })
    await broker.renewEpoch('acme/board-1', epoch)
    t.match(await broker.publish(publication()), { epoch: renewed.epoch, offset: 1 })
  })

  await t.test('subscribers get updates in order, and only of their room', async t => {
    const broker = await start(t)
    const one = await listenTo(broker)
    const other = await listenTo(broker, 'acme/board-2')
    await Promise.all(Array.from({ length: 100 }, (_, n) => broker.publish(publication({ payload: n }))))
    const { epoch } = await broker.publish(publication({ room: 'acme/board-2', callerId: 'mine', payload: null, userId: 'bob' }))
    await other.until(1)
    await one.until(100)
    t.strictSame(one.messages.map(message => message.kind === 'update' && message.offset), Array.from({ length: 100 }, (_, n) => n + 1))
    t.equal(other.messages.length, 1)
    t.match(other.messages[0], { kind: 'update', epoch, offset: 1, publishedAt: Number, id: 'mine', event: 'MOVE', payload: null, userId: 'bob' })
  })

  await t.test('unsubscribe stops the updates of that room, and of no other', async t => {
    const broker = await start(t)
    const left = await listenTo(broker)
    const kept = await listenTo(broker, 'acme/board-2')
    await broker.publish(publication())
    await left.until(1)
    await broker.unsubscribe('acme/board-1')
    t.equal((await broker.publish(publication())).instances, 0)
    t.equal((await broker.publish(publication({ room: 'acme/board-2' }))).instances, 1)
    await kept.until(1)
    t.equal(left.messages.length, 1)
  })

  await t.test('an ephemeral update reaches subscribers without an offset, and is not kept', async t => {
    const broker = await start(t)
    const { until } = await listenTo(broker)
    const { epoch } = await broker.publish(publication())
    const receipt = await broker.publishEphemeral(publication({ event: 'CURSOR', callerId: 'c' }))
    t.strictSame(receipt, { id: 'c', epoch, offset: null, duplicate: false, instances: 1 })
    t.equal((await broker.publishEphemeral(publication({ callerId: 'c' }))).duplicate, false, 'ids are not checked')
    const [, message] = await until(3)
    t.match(message, { kind: 'ephemeral', epoch, event: 'CURSOR', id: 'c', userId: 'ann' })
    t.notOk(message !== undefined && 'offset' in message)
    t.match(await historyOf(broker), { offset: 1, updates: { length: 1 } })
  })

  await t.test('presence is told, stored, and forgotten when a socket leaves', async t => {
    const broker = await start(t)
    const { instance } = broker
    const { until } = await listenTo(broker)
    const [ann, bob] = ['ann', 'bob'].map(userId => ({ socketId: `socket-${userId}`, person: { userId, displayName: userId, photoURL: null, color: '#abcdef' } }))
    if (ann === undefined || bob === undefined) throw new Error('two people')
    await broker.updatePresence('acme/board-1', { joined: [ann, bob], left: [] })
    t.strictSame((await broker.presence('acme/board-1')).sort((a, b) => a.entry.socketId < b.entry.socketId ? -1 : 1), [{ instance, entry: ann }, { instance, entry: bob }])
    t.strictSame(await broker.presence('acme/board-2'), [])
    await broker.updatePresence('acme/board-1', { joined: [], left: ['socket-ann'] })
    await broker.forgetPresence('acme/board-1', 'a silent instance', ['socket-bob'])
    t.strictSame(await broker.presence('acme/board-1'), [{ instance, entry: bob }])
    t.match(await until(2), [{ kind: 'presence', instance, joined: [ann, bob], left: [] }, { kind: 'presence', instance, joined: [], left: ['socket-ann'] }])
  })

  await t.test('a published payload is a copy: neither its caller nor a reader can change it for others', async t => {
    const broker = await start(t)
    const payload = { list: [1] }
    await broker.publish(publication({ payload }))
    payload.list.push(2)
    t.strictSame((await historyOf(broker)).updates[0]?.payload, { list: [1] })
  })

  await t.test('a closed broker refuses with broker/unavailable', async t => {
    const broker = await start(t)
    await broker.publish(publication())
    await broker.close()
    t.ok(await eventually(() => broker.fault()))
    await t.rejects(broker.publish(publication()), { code: 'broker/unavailable' })
    await t.rejects(historyOf(broker), { code: 'broker/unavailable' })
  })
}
