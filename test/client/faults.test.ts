// The client when things break: killed and draining instances, Redis away or emptied, lost answers.
import { test, type Test } from 'tap'
import type { Room } from '@roomcast/client'
import { clientOf, cluster, eventually, heard, publish, record, startClock, startInstance, startProxy, startRedis, told, type RoomRecord } from '../helpers/index.ts'

const room = { workspaceId: 'acme', appId: 'board-1' }

/** Whatever happened, `total` updates came, in order, each once. */
async function untilWhole (t: Test, log: RoomRecord, total: number): Promise<void> {
  await eventually(() => log.offsets.length >= total, 20_000)
  t.strictSame(log.offsets, Array.from({ length: total }, (_, i) => i + 1))
  t.strictSame(log.faults, [])
}

test('an instance is killed: its client goes on from its position on another one', async t => {
  const redis = await startRedis(t)
  const [a, b] = await cluster(t, 2, { REDIS_URL: redis.url })
  await Promise.all([a.ready(), b.ready()])
  const balancer = await startProxy(t, a.port)
  const client = clientOf(t, balancer.url('http'), { sub: 'ann' })
  const moved = client.room('acme', 'board-1')
  const log = record(moved)
  const other = client.room('acme', 'board-2')
  const silent = record(other)
  await Promise.all([heard(moved, 'joined'), heard(other, 'joined')])
  const firstSession = client.sessionId
  await publish(a.url, { ...room, event: 'N', payload: 1 })
  await untilWhole(t, log, 1)

  balancer.retarget(b.port)
  const away = told(client, 'status', status => status === 'connecting')
  await a.kill()
  await away
  for (const n of [2, 3, 4]) await publish(b.url, { ...room, event: 'N', payload: n })
  await untilWhole(t, log, 4)
  await publish(b.url, { ...room, event: 'N', payload: 5 })
  await untilWhole(t, log, 5)
  t.equal(log.recovered, 3)
  t.strictSame(log.resets, [])
  t.strictSame(silent.offsets, [])
  t.not(client.sessionId?.split('.')[0], firstSession?.split('.')[0], 'another instance')
})

test('an instance drains: its clients move at once, publishes go on, nothing is lost', async t => {
  const redis = await startRedis(t)
  const [a, b] = await cluster(t, 2, { REDIS_URL: redis.url, DRAIN_DELAY_SECONDS: '0', DRAIN_SECONDS: '1' })
  await Promise.all([a.ready(), b.ready()])
  const balancer = await startProxy(t, a.port)
  const client = clientOf(t, balancer.url('http'), { sub: 'ann' })
  const moved = client.room('acme', 'board-1')
  const log = record(moved)
  await heard(moved, 'joined')

  balancer.retarget(b.port)
  const draining = told(client, 'draining')
  const away = told(client, 'status', status => status === 'connecting')
  a.process.kill('SIGTERM')
  await draining
  const sent: Array<Promise<unknown>> = []
  for (let n = 0; n < 20; n++) sent.push(moved.publish('N', n))
  await away
  const clock = startClock(t)
  await told(client, 'status', status => status === 'connected')
  t.ok(clock.now() < 1000, 'promptly')
  for (let n = 20; n < 25; n++) sent.push(moved.publish('N', n))
  await Promise.all(sent)
  await untilWhole(t, log, 25)
  t.equal(new Set(log.payloads).size, 25)
  t.strictSame(log.resets, [])
  t.equal((await a.exited).code, 0)
})

test('Redis is restarted with its file: what was published meanwhile waits, and comes once', async t => {
  const redis = await startRedis(t, { appendonly: true })
  const [a, b] = await cluster(t, 2, { REDIS_URL: redis.url })
  await Promise.all([a.ready(), b.ready()])
  const ann = clientOf(t, a.url, { sub: 'ann' }).room('acme', 'board-1')
  const bob = clientOf(t, b.url, { sub: 'bob' }).room('acme', 'board-1')
  const [annLog, bobLog] = [record(ann), record(bob)]
  await Promise.all([heard(ann, 'joined'), heard(bob, 'joined')])
  await ann.publish('N', 'before')

  await redis.stop()
  const waiting = [ann.publish('N', 'away 1'), bob.publish('N', 'away 2')]
  const late = clientOf(t, a.url, { sub: 'carl' }).room('acme', 'board-3')
  t.match(await heard(late, 'error'), { retryable: true })
  const joined = heard(late, 'joined', undefined, 20_000)
  await redis.restart()
  await Promise.all([...waiting, joined])
  await untilWhole(t, annLog, 3)
  await untilWhole(t, bobLog, 3)
  t.strictSame(bobLog.payloads, annLog.payloads)
  t.strictSame(new Set(bobLog.payloads), new Set(['before', 'away 1', 'away 2']))
  t.strictSame([...annLog.resets, ...bobLog.resets], [])
})

test('Redis is emptied: both clients are told to load anew, and go on in the new epoch', async t => {
  const redis = await startRedis(t)
  const [a, b] = await cluster(t, 2, { REDIS_URL: redis.url })
  await Promise.all([a.ready(), b.ready()])
  const ann = clientOf(t, a.url, { sub: 'ann' }).room('acme', 'board-1')
  const bob = clientOf(t, b.url, { sub: 'bob' }).room('acme', 'board-1')
  const [annLog, bobLog] = [record(ann), record(bob)]
  await Promise.all([heard(ann, 'joined'), heard(bob, 'joined')])
  const { epoch } = await ann.publish('N', 1)
  await eventually(() => bobLog.offsets.length === 1)

  const resets = [heard(ann, 'reset'), heard(bob, 'reset')]
  await redis.client().flushall()
  for (const { position } of await Promise.all(resets)) t.not(position.epoch, epoch)
  const receipt = await bob.publish('N', 2)
  t.not(receipt.epoch, epoch)
  await eventually(() => annLog.payloads.length === 2 && bobLog.payloads.length === 2)
  t.strictSame([annLog.resets.length, bobLog.resets.length], [1, 1])
  t.strictSame([...annLog.faults, ...bobLog.faults], [])
  t.strictSame(ann.position, { epoch: receipt.epoch, offset: receipt.offset })
})

test('a client with an insufficient history is reset; one with a known position gets the updates after it', async t => {
  const redis = await startRedis(t)
  const instance = await startInstance(t, { REDIS_URL: redis.url, HISTORY_SIZE: '5', FEED_TAIL_BYTES: '0' })
  await instance.ready()
  const first = await publish(instance.url, { ...room, event: 'N', payload: 1 })
  const { epoch } = first.body.data
  for (let n = 2; n <= 10; n++) await publish(instance.url, { ...room, event: 'N', payload: n })

  const old = clientOf(t, instance.url).room('acme', 'board-1', { since: { epoch, offset: 1 } })
  const oldLog = record(old)
  t.strictSame(await heard(old, 'reset'), { position: { epoch, offset: 10 } })
  const recent: Room = clientOf(t, instance.url).room('acme', 'board-1', { since: { epoch, offset: 7 } })
  const log = record(recent)
  await eventually(() => log.offsets.length === 3)
  t.strictSame(log.offsets, [8, 9, 10])
  t.strictSame(log.resets, [])
  t.strictSame(oldLog.offsets, [], 'never a part of what was missed')
})

test('a receipt is lost on the way: the same id is sent again, and the update is there once', async t => {
  const redis = await startRedis(t)
  const instance = await startInstance(t, { REDIS_URL: redis.url })
  await instance.ready()
  const proxy = await startProxy(t, instance.port)
  const client = clientOf(t, proxy.url('http'))
  const room1 = client.room('acme', 'board-1')
  const log = record(room1)
  await heard(room1, 'joined')
  const witness = clientOf(t, instance.url, { sub: 'bob' }).room('acme', 'board-1')
  const seen = record(witness)
  await heard(witness, 'joined')

  proxy.blackhole('toClient')
  const receipt = room1.publish('N', 1)
  await eventually(() => seen.offsets.length === 1)
  proxy.dropAll()
  await proxy.heal()
  t.match(await receipt, { offset: 1, duplicate: true })
  await untilWhole(t, log, 1)
  await witness.publish('N', 2)
  await untilWhole(t, seen, 2)
})
