// The publisher and the service itself: killed and restarted, with its Redis away, and over its limits.
import { test, type Test } from 'tap'
import { createPublisher, type Publisher } from '@roomcast/client/publisher'
import { clientOf, eventually, heard, publish, record, startInstance, startRedis, token, upTo, type Instance, type RoomRecord } from '../helpers/index.ts'

const ROOMS = ['acme/board-1', 'acme/board-2', 'acme/board-3'] as const

/** Members of the rooms, on an instance that nothing happens to. */
async function witnesses (t: Test, instance: Instance): Promise<RoomRecord[]> {
  const client = clientOf(t, instance.url, { sub: 'witness' })
  return await Promise.all(ROOMS.map(async room => {
    const [workspaceId = '', appId = ''] = room.split('/')
    const held = client.room(workspaceId, appId)
    const log = record(held)
    await heard(held, 'joined')
    return log
  }))
}

function publisherTo (t: Test, url: string, options = {}): Publisher {
  const publisher = createPublisher(url, { token: token({ sub: 'svc' }), answerTimeoutMs: 1000, ...options })
  t.teardown(() => publisher.close({ timeoutMs: 0 }))
  return publisher
}

test('the service is killed and restarted under it: every update once, in order a room', async t => {
  const redis = await startRedis(t)
  const instance = await startInstance(t, { REDIS_URL: redis.url })
  await instance.ready()
  const logs = await witnesses(t, await startInstance(t, { REDIS_URL: redis.url }))
  const publisher = publisherTo(t, instance.url)
  const publishing: Array<Promise<unknown>> = []
  let published = 0
  let isOver = false
  const publishSome = async () => {
    while (!isOver) {
      published++
      for (const room of ROOMS) publishing.push(publisher.publish(room, 'N', published))
      if (published % 10 === 0) publishing.push(publisher.publishMany([...ROOMS], 'N', ++published))
      await new Promise(resolve => setTimeout(resolve, 10))
    }
  }
  const running = publishSome()
  let { kill } = instance
  for (let round = 0; round < 3; round++) {
    const before = logs[0]?.offsets.length ?? 0
    await eventually(() => (logs[0]?.offsets.length ?? 0) > before + 100, 20_000)
    await kill()
    ;({ kill } = await startInstance(t, { REDIS_URL: redis.url, PORT: String(instance.port) }))
  }
  isOver = true
  await running
  await publisher.flush()
  const receipts = await Promise.all(publishing)
  await eventually(() => logs.every(({ offsets }) => offsets.length >= published), 10_000)
  for (const { payloads, faults, resets } of logs) {
    t.strictSame(payloads, upTo(published))
    t.strictSame([faults, resets], [[], []])
  }
  t.comment(`${published} updates a room; ${JSON.stringify(receipts).split('"duplicate":true').length - 1} were repeated after they had arrived`)
})

test('Redis is unavailable for a while: updates published meanwhile arrive once, in order', async t => {
  const redis = await startRedis(t, { appendonly: true })
  const instance = await startInstance(t, { REDIS_URL: redis.url })
  await instance.ready()
  const [log] = await witnesses(t, instance)
  const publisher = publisherTo(t, instance.url)
  await publisher.publish(ROOMS[0], 'N', 1)
  await redis.stop()
  const waiting = [2, 3, 4].map(n => publisher.publish(ROOMS[0], 'N', n))
  await eventually(async () => (await publish(instance.url, { workspaceId: 'acme', appId: 'other', event: 'N', payload: 1 })).status === 503)
  waiting.push(publisher.publish(ROOMS[0], 'N', 5))
  await redis.restart()
  await Promise.all(waiting)
  await eventually(() => log?.offsets.length === 5)
  t.strictSame(log?.payloads, upTo(5))
})

test('faster than the service allows, every update comes, in order: it is refused and sent again', async t => {
  const instance = await startInstance(t, { PUBLISHES_PER_SECOND: '300', PUBLISH_BURST: '50' })
  await instance.ready()
  const logs = await witnesses(t, instance)
  const publisher = publisherTo(t, instance.url)
  const receipts = await Promise.all(upTo(100).flatMap(n => ROOMS.map(room => publisher.publish(room, 'N', n))))
  t.ok(receipts.every(({ duplicate }) => !duplicate))
  await eventually(() => logs.every(({ offsets }) => offsets.length === 100))
  for (const { payloads } of logs) t.strictSame(payloads, upTo(100))
})

test('one token publishes where it may; each room has its own answer, and nobody else hears', async t => {
  const instance = await startInstance(t)
  await instance.ready()
  const logs = await witnesses(t, instance)
  const publisher = createPublisher(instance.url, { token: token({ sub: 'svc', capabilities: { 'acme/board-1': ['publish'], 'acme/board-2': ['publish'] } }) })
  const results = await publisher.publishMany([...ROOMS], 'N', 'news')
  t.match(results, [{ data: { offset: 1 } }, { data: { offset: 1 } }, { error: { code: 'auth/forbidden' } }])
  await t.rejects(publisher.publish(ROOMS[2], 'N', 1), { code: 'auth/forbidden' })
  t.match(await publisher.publish(ROOMS[0], 'N', 'more', { id: 'mine' }), { id: 'mine', duplicate: false })
  t.match(await publisher.publish(ROOMS[0], 'N', 'more', { id: 'mine' }), { id: 'mine', duplicate: true })
  await eventually(() => logs[0]?.payloads.length === 2)
  t.strictSame(logs.map(({ payloads }) => payloads), [['news', 'more'], ['news'], []])
})
