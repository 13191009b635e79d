// Keys that Redis lost one by one, and scripts that failed half-way.
import { once } from 'node:events'
import { test } from 'tap'
import { connected, historyOf, listenTo, offsets, publication, redisBroker, startRedis } from '../helpers/index.ts'

const META = 'roomcast:{acme/board-1}:meta'
const LOG = 'roomcast:{acme/board-1}:log'

test('lost meta with a log left over: a new epoch, and the old log is gone', async t => {
  const redis = await startRedis(t)
  const broker = await connected(redisBroker(t, redis.url))
  const client = redis.client()
  for (const act of ['publish', 'touch', 'history'] as const) {
    const { epoch } = await broker.publish(publication())
    await broker.publish(publication())
    await client.del(META)
    if (act === 'touch') await broker.touch(['acme/board-1'])
    if (act === 'publish') t.match(await broker.publish(publication({ event: 'NEW' })), { offset: 1 })
    const found = await historyOf(broker)
    t.not(found.epoch, epoch)
    t.match(found, act === 'publish' ? { offset: 1, updates: [{ event: 'NEW', epoch: found.epoch }] } : { offset: 0, oldest: undefined, updates: [] })
  }
})

test('a lost log with meta left over: offsets go on, and history says that nothing is kept', async t => {
  const redis = await startRedis(t)
  const broker = await connected(redisBroker(t, redis.url))
  const { epoch } = await broker.publish(publication())
  await broker.publish(publication())
  await redis.client().del(LOG)
  t.strictSame(await historyOf(broker), { epoch, offset: 2, oldest: undefined, updates: [] })
  t.match(await broker.publish(publication()), { epoch, offset: 3 })
  t.match(await historyOf(broker), { offset: 3, oldest: 3, updates: [{ offset: 3 }] })
})

test('a log ahead of the meta: the next publish takes the next offset, the same id adopts what is logged', async t => {
  const redis = await startRedis(t)
  const broker = await connected(redisBroker(t, redis.url))
  const client = redis.client()
  await broker.publish(publication())
  // As if the script had died after its append.
  const dieAfterAppend = async (callerId: string, offset: number) => {
    await broker.publish(publication({ callerId }))
    await client.hset(META, 'offset', offset)
    await client.del(`roomcast:{acme/board-1}:id:ann:${callerId}`)
  }
  await dieAfterAppend('a', 1)
  t.match(await historyOf(broker), { offset: 1, updates: { length: 1 } }, 'what has no place yet is not shown')
  t.match(await broker.publish(publication({ callerId: 'b' })), { offset: 3, duplicate: false })
  t.match(await broker.publish(publication({ callerId: 'a' })), { offset: 2, duplicate: true })

  await dieAfterAppend('c', 3)
  const heard = await listenTo(broker)
  t.match(await broker.publish(publication({ callerId: 'c' })), { offset: 4 })
  t.match(await heard.until(1), [{ offset: 4, id: 'c' }])
  t.match((await historyOf(broker)).updates, [{ offset: 1 }, { id: 'a' }, { id: 'b' }, { id: 'c' }])
  t.strictSame(offsets((await historyOf(broker)).updates), [1, 2, 3, 4])
})

for (const denied of ['xadd', 'set', 'hset', 'publish', 'append']) {
  for (const next of ['the retry', 'another publish']) {
    test(`a script that dies at ${denied}, then ${next}: the room is whole, and the id is published once`, async t => {
      const redis = await startRedis(t)
      const broker = await connected(redisBroker(t, redis.url))
      const client = redis.client()
      const { epoch } = await broker.publish(publication({ callerId: 'before' }))
      await client.acl('SETUSER', 'default', `-${denied}`)
      await t.rejects(broker.publish(publication({ callerId: 'a' })), { code: 'broker/timeout' })
      await client.acl('SETUSER', 'default', '+@all')

      const acts = [() => broker.publish(publication({ callerId: 'a' })), () => broker.publish(publication({ callerId: 'b' }))]
      if (next === 'another publish') acts.reverse()
      for (const act of acts) t.match(await act(), { epoch })
      const { updates, offset } = await historyOf(broker)
      t.strictSame(updates.map(({ id }) => id).sort(), ['a', 'b', 'before'])
      t.strictSame([offset, offsets(updates)], [3, [1, 2, 3]])
      for (const act of acts) t.match(await act(), { duplicate: true })
      t.equal((await historyOf(broker)).offset, 3)
    })
  }
}

for (const appendonly of [false, true]) {
  test(`a Redis restarted ${appendonly ? 'with an append-only file keeps the epoch' : 'from a snapshot begins a new epoch, once'}`, async t => {
    const redis = await startRedis(t, { appendonly, args: ['--appendfsync', 'always'] })
    const broker = await connected(redisBroker(t, redis.url))
    const { epoch } = await broker.publish(publication({ callerId: 'a' }))
    if (!appendonly) await redis.client().save()
    const resumed = once(broker.events, 'resumed')
    await redis.restart()
    await resumed
    const [position] = await broker.positions(['acme/board-1'])
    const found = await historyOf(broker)
    t.strictSame(position, { epoch: found.epoch, offset: found.offset }, 'a plain read tells the same')
    if (appendonly) {
      t.match(found, { epoch, offset: 1, updates: [{ id: 'a' }] })
      t.match(await broker.publish(publication({ callerId: 'a' })), { epoch, offset: 1, duplicate: true })
    } else {
      t.not(found.epoch, epoch)
      t.match(found, { offset: 0, updates: [] })
      t.match(await broker.publish(publication()), { epoch: found.epoch, offset: 1 })
    }
    t.match(await broker.touch(['acme/board-1']), [{ epoch: found.epoch, offset: 1 }])
  })
}
