// A real Redis that refuses to write: nothing is in doubt, nothing was done, and it goes on by itself when it can.
import { rm } from 'node:fs/promises'
import { test, type Test } from 'tap'
import { connected, eventually, historyOf, listenTo, publication, redisBroker, startProxy, startRedis } from '../helpers/index.ts'

type Broker = Awaited<ReturnType<typeof connected<ReturnType<typeof redisBroker>>>>

/** Publishes once before, once while it is refused, and the same once more after: `refuse` and `mend` do the rest. */
async function refusedMeanwhile (t: Test, broker: Broker, refuse: () => Promise<unknown>, mend: () => Promise<unknown>): Promise<void> {
  const { until, messages } = await listenTo(broker)
  const { epoch } = await broker.publish(publication({ callerId: 'before' }))
  await refuse()
  t.match(await broker.publish(publication({ callerId: 'a' })).catch((error: unknown) => error), { code: 'broker/unavailable' })
  await mend()
  await eventually(async () => (await broker.publish(publication({ callerId: 'next' }))).epoch === epoch)
  t.match((await historyOf(broker)).updates, [{ id: 'before', offset: 1 }, { id: 'next', offset: 2 }], 'nothing of what was refused')
  t.match(await broker.publish(publication({ callerId: 'a' })), { epoch, offset: 3, duplicate: false })
  await until(3)
  t.strictSame(messages.map(message => message.kind === 'update' && message.id), ['before', 'next', 'a'])
}

test('MISCONF: a snapshot could not be written', async t => {
  const redis = await startRedis(t, { args: ['--save', '3600 1', '--appendonly', 'no'] })
  const admin = redis.client()
  await refusedMeanwhile(t, await connected(redisBroker(t, redis.url)), async () => {
    await rm(redis.dir, { recursive: true })
    await admin.bgsave()
    await eventually(async () => (await admin.info('persistence')).includes('rdb_last_bgsave_status:err'))
  }, () => admin.config('SET', 'stop-writes-on-bgsave-error', 'no'))
})

test('OOM: it is full, and no other connection would help', async t => {
  const redis = await startRedis(t, { args: ['--maxmemory-policy', 'noeviction'] })
  const admin = redis.client()
  const broker = await connected(redisBroker(t, redis.url))
  await refusedMeanwhile(t, broker, () => admin.config('SET', 'maxmemory', '1'), async () => {
    broker.shards()[0]?.reconnect('a probe got no receipt or no echo')
    broker.shards()[0]?.reconnect('a probe got no receipt or no echo')
    t.match(broker.lines.filter(({ level }) => level === 'error'), [{ fields: { err: /^OOM/ }, text: /^redis refuses publishes/ }])
    await admin.config('SET', 'maxmemory', '0')
  })
  t.strictSame((await broker.metrics.redisReplaced.get()).values, [{ value: 0, labels: {} }])
})

test('NOREPLICAS: too few replicas take what is written', async t => {
  const redis = await startRedis(t)
  const admin = redis.client()
  await refusedMeanwhile(t, await connected(redisBroker(t, redis.url)),
    () => admin.config('SET', 'min-replicas-to-write', '1'), () => admin.config('SET', 'min-replicas-to-write', '0'))
})

test('NOPERM: the user may not run scripts; it counts on the connection that stands', async t => {
  const redis = await startRedis(t)
  const admin = redis.client()
  await refusedMeanwhile(t, await connected(redisBroker(t, redis.url)),
    () => admin.acl('SETUSER', 'default', '-evalsha', '-eval'), () => admin.acl('SETUSER', 'default', '+@all'))
})

test('NOSCRIPT: scripts that were flushed are sent again, and nobody notices', async t => {
  const redis = await startRedis(t)
  const broker = await connected(redisBroker(t, redis.url))
  for (const offset of [1, 2, 3]) {
    t.match(await broker.publish(publication()), { offset })
    await redis.client().script('FLUSH')
  }
})

test('READONLY: it became a replica, and nothing is asked of it until it is a master again', async t => {
  const [redis, other] = await Promise.all([startRedis(t), startRedis(t)])
  const admin = redis.client()
  const broker = await connected(redisBroker(t, redis.url))
  await listenTo(broker)
  await broker.publish(publication())
  await admin.replicaof(other.url.slice('redis://'.length, other.url.lastIndexOf(':')), other.port)
  await t.rejects(broker.publish(publication()), { code: 'broker/unavailable' })
  await eventually(() => broker.fault()?.includes('not connected'))
  await t.rejects(broker.touch(['acme/board-1']), { code: 'broker/unavailable' })
  await admin.call('REPLICAOF', 'NO', 'ONE')
  await connected(broker)
  t.match(await broker.publish(publication()), { duplicate: false, instances: 1 })
})

test('a replica behind the address is left as soon as the address leads elsewhere', async t => {
  const master = await startRedis(t)
  const replica = await startRedis(t, { args: ['--replicaof', '127.0.0.1', String(master.port)] })
  const proxy = await startProxy(t, replica.port)
  const broker = redisBroker(t, proxy.url())
  await eventually(() => broker.lines.some(({ fields }) => JSON.stringify(fields).includes('a replica')))
  t.match(broker.fault(), /not connected/)
  proxy.retarget(master.port)
  await connected(broker)
  await listenTo(broker)
  t.match(await broker.publish(publication()), { offset: 1, instances: 1 })
})
