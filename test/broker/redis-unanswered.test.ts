// Commands that Redis does not answer, or not in time, and the bounds on them.
import { performance } from 'node:perf_hooks'
import { test } from 'tap'
import { connected, counted, eventually, freePort, historyOf, HOST, listenTo, publication, redisBroker, startClock, startRedis } from '../helpers/index.ts'

test('a Redis that hangs past the deadline publishes nothing of what was answered broker/timeout', async t => {
  const redis = await startRedis(t)
  const broker = await connected(redisBroker(t, redis.url, { PUBLISH_TIMEOUT_MS: '300' }))
  const { messages, until } = await listenTo(broker)
  await broker.publish(publication())
  redis.pause()
  const startedAt = performance.now()
  const clock = startClock(t)
  const both = [broker.publish(publication({ callerId: 'a' })), broker.publishEphemeral(publication())]
  for (const publishing of both) await t.rejects(publishing, { code: 'broker/timeout', status: 503, retryable: true })
  t.ok(clock.now() <= 400, `answered after ${clock.now()} ms`)
  await eventually(() => performance.now() - startedAt > 350)
  redis.resume()
  // Commands of one connection run in order: when this is answered, those above were.
  t.match(await historyOf(broker), { offset: 1, updates: { length: 1 } })
  t.match(await broker.publish(publication({ callerId: 'a' })), { offset: 2, duplicate: false })
  t.match(await broker.publish(publication({ callerId: 'a' })), { offset: 2, duplicate: true })
  await until(2)
  t.strictSame(messages.map(({ kind }) => kind), ['update', 'update'])
})

test('a Redis that resumes before the deadline has published, and the repeat confirms it', async t => {
  const redis = await startRedis(t)
  const broker = await connected(redisBroker(t, redis.url))
  redis.pause()
  const publishing = broker.publish(publication({ callerId: 'a' }))
  redis.resume()
  t.match(await publishing, { offset: 1, duplicate: false })
  t.match(await broker.publish(publication({ callerId: 'a' })), { offset: 1, duplicate: true })
})

test('without a connection everything is refused at once with broker/unavailable', async t => {
  const broker = redisBroker(t, `redis://${HOST}:${await freePort()}`)
  const clock = startClock(t)
  await t.rejects(broker.publish(publication()), { code: 'broker/unavailable' })
  await t.rejects(broker.publishEphemeral(publication()), { code: 'broker/unavailable' })
  await t.rejects(historyOf(broker), { code: 'broker/unavailable' })
  await t.rejects(broker.touch(['acme/board-1']), { code: 'broker/unavailable' })
  await t.rejects(broker.subscribe('acme/board-1', () => undefined), { code: 'broker/unavailable' })
  t.ok(clock.now() < 200)
  t.match(broker.fault(), /not connected/)
})

test('more commands than REDIS_MAX_PENDING are refused at once, and the bound is free again after', async t => {
  const redis = await startRedis(t)
  const broker = await connected(redisBroker(t, redis.url, { REDIS_MAX_PENDING: '3' }))
  redis.pause()
  const waiting = Array.from({ length: 3 }, () => broker.publish(publication()))
  await t.rejects(broker.publish(publication({ callerId: 'late' })), { code: 'broker/unavailable' })
  t.match(await counted(broker.metrics.limits), [{ value: 1, labels: { limit: 'redis-pending' } }])
  redis.resume()
  t.strictSame((await Promise.all(waiting)).map(({ offset }) => offset), [1, 2, 3])
  t.match(await broker.publish(publication({ callerId: 'late' })), { offset: 4, duplicate: false })
})

test('commands that together are larger than REDIS_MAX_PENDING_BYTES are refused at once, and the bound is free again after', async t => {
  const redis = await startRedis(t)
  const broker = await connected(redisBroker(t, redis.url, { REDIS_MAX_PENDING_BYTES: '100000', MAX_PAYLOAD_BYTES: '40000' }))
  const payload = 'x'.repeat(40_000)
  redis.pause()
  const waiting = [broker.publish(publication({ payload })), broker.publishEphemeral(publication({ payload }))]
  for (const refused of [broker.publish(publication({ payload, callerId: 'late' })), broker.publishEphemeral(publication({ payload }))]) {
    await t.rejects(refused, { code: 'broker/unavailable' })
  }
  await new Promise(resolve => setImmediate(resolve))
  const small = broker.publish(publication())
  t.match(await counted(broker.metrics.limits), [{ value: 2, labels: { limit: 'redis-pending-bytes' } }])
  redis.resume()
  t.strictSame((await Promise.all([...waiting, small])).map(({ offset }) => offset), [1, null, 2])
  t.match(await broker.publish(publication({ payload, callerId: 'late' })), { offset: 3, duplicate: false })
})

test('an unanswered command is held until its connection is replaced, and counts until then', async t => {
  const redis = await startRedis(t)
  const broker = await connected(redisBroker(t, redis.url, { REDIS_MAX_PENDING_BYTES: '70000', PUBLISH_TIMEOUT_MS: '100' }))
  const payload = 'x'.repeat(60_000)
  redis.pause()
  await t.rejects(broker.publish(publication({ payload })), { code: 'broker/timeout' })
  await t.rejects(broker.publish(publication({ payload })), { code: 'broker/unavailable' })
  broker.shards()[0]?.reconnect('a probe got no receipt or no echo')
  redis.resume()
  await connected(broker)
  t.match(await broker.publish(publication({ payload, callerId: 'next' })), { duplicate: false })
})
