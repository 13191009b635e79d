// Redis comes back without some of the past: a new epoch, every client told within 5 s, and no other update under a known offset.
import { copyFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test, type Test } from 'tap'
import {
  cluster, connect, eventually, follow, nextEvent, publish, roomEvent, startClock, startProxy, startRedis, startSentinel, subscribe, token, upTo, within,
  type Instance
} from '../helpers/index.ts'
import type { StreamPosition, Unsubscribed, Update } from '../../services/wire/protocol.ts'

const TOLD_WITHIN_MS = 5000
const bearer = token({ sub: 'ann' })

/** A member on each instance that has seen some updates, and then watches what it is told. */
async function witnesses (t: Test, instances: Instance[], workspaceId: string, updates = 5) {
  const all = await Promise.all(instances.map(async ({ url }) => {
    const socket = await connect(t, url, { token: bearer })
    return { url, socket, follower: await follow(socket, workspaceId, 'board') }
  }))
  for (const n of upTo(updates)) await publishTo(instances[0] as Instance, workspaceId, n)
  for (const { follower } of all) await follower.until(updates)
  /** Begin before the fault: the telling may come while it is being made. */
  const told = () => Promise.all(all.map(async ({ socket }) => await nextEvent<Unsubscribed>(socket, 'unsubscribed', ended => ended.workspaceId === workspaceId, 30_000)))
  const after = async (before: StreamPosition) => {
    for (const { socket, follower } of all) {
      t.strictSame(follower.updates.map(({ offset }) => offset), upTo(updates), 'nothing came under the old subscription')
      const { data } = await subscribe(socket, workspaceId, 'board', before)
      t.not(data.epoch, before.epoch)
      t.match(data, { recovered: false, missed: 0 })
    }
    // And it goes on from there, for everyone.
    const heard = Promise.all(all.map(({ socket }) => nextEvent<Update>(socket, roomEvent(workspaceId, 'board'), ({ event }) => event === 'N')))
    const receipt = await publishTo(instances[0] as Instance, workspaceId, 1000)
    for (const update of await heard) t.match(update, { payload: 1000, epoch: receipt.epoch, offset: receipt.offset })
  }
  return { told, after, position: () => all[0]?.follower.position() ?? { epoch: '', offset: 0 } }
}

async function publishTo ({ url }: Instance, workspaceId: string, payload: number) {
  return await eventually(async () => {
    const { status, body } = await publish(url, { workspaceId, appId: 'board', event: 'N', payload })
    return status === 200 && body.data
  })
}

async function assertTold (t: Test, telling: Promise<Unsubscribed[]>, clock = startClock(t)): Promise<void> {
  for (const { code } of await within(20_000, 'told', telling)) t.equal(code, 'history/insufficient')
  const ms = Math.round(clock.now())
  t.ok(ms < TOLD_WITHIN_MS, `all were told within ${ms} ms`)
}

test('time travel', async t => {
  const redis = await startRedis(t)
  const instances = await cluster(t, 2, { REDIS_URL: redis.url })
  await Promise.all(instances.map(instance => instance.ready()))

  await t.test('Redis comes back empty', async t => {
    const { told, after, position } = await witnesses(t, instances, 'empty')
    const before = position()
    const telling = told()
    await redis.restart()
    await assertTold(t, telling)
    await after(before)
  })

  await t.test('Redis comes back from an older snapshot: offsets given since then are not given anew', async t => {
    const { told, after, position } = await witnesses(t, instances, 'snapshot')
    const client = redis.client()
    await client.save()
    await copyFile(join(redis.dir, 'dump.rdb'), join(redis.dir, 'older.rdb'))
    const late = await follow(await connect(t, instances[1].url, { token: bearer }), 'late', 'board')
    for (const n of upTo(3)) await publishTo(instances[0], 'late', n)
    await late.until(3)
    const before = position()
    const telling = told()
    await redis.stop()
    await copyFile(join(redis.dir, 'older.rdb'), join(redis.dir, 'dump.rdb'))
    await redis.restart()
    const clock = startClock(t)
    // Published at once, before anyone may have looked: must not land under the old epoch.
    const receipt = await publishTo(instances[0], 'snapshot', 77)
    t.not(receipt.epoch, before.epoch)
    await assertTold(t, telling, clock)
    t.strictSame(late.updates.map(({ payload }) => payload), upTo(3))
    await after(before)
  })

  await t.test('Redis with an append-only file comes back from an older copy of it: known by positions', async t => {
    const durable = await startRedis(t, { appendonly: true, args: ['--appenddirname', 'aof', '--auto-aof-rewrite-percentage', '0'] })
    const pair = await cluster(t, 2, { REDIS_URL: durable.url })
    await Promise.all(pair.map(instance => instance.ready()))
    const { told, after, position } = await witnesses(t, pair, 'older-aof')
    const telling = told()
    const before = position()
    // The file loses its newest part: the room's last update among it.
    const client = durable.client()
    await client.hset('roomcast:{older-aof/board}:meta', 'offset', 3)
    await client.call('XTRIM', 'roomcast:{older-aof/board}:log', 'MAXLEN', 3)
    await client.xdel('roomcast:{older-aof/board}:log', '4-0', '5-0')
    await durable.stop()
    await durable.restart()
    await assertTold(t, telling)
    await after(before)
  })

  await t.test('FLUSHALL while everything stands', async t => {
    const { told, after, position } = await witnesses(t, instances, 'flushed')
    const before = position()
    const telling = told()
    await redis.client().flushall()
    await assertTold(t, telling)
    await after(before)
  })

  await t.test('FLUSHALL, and a publish right after it', async t => {
    const { told, after, position } = await witnesses(t, instances, 'flushed-busy')
    const before = position()
    const telling = told()
    await redis.client().flushall()
    const clock = startClock(t)
    t.not((await publishTo(instances[0], 'flushed-busy', 1)).epoch, before.epoch)
    await assertTold(t, telling, clock)
    await after(before)
  })

  await t.test('the keys of one room evicted: its members are told, those of another are not', async t => {
    const { told, after, position } = await witnesses(t, instances, 'evicted')
    const other = await follow(await connect(t, instances[1].url, { token: bearer }), 'spared', 'board')
    const before = position()
    const telling = told()
    await redis.client().del('roomcast:{evicted/board}:meta', 'roomcast:{evicted/board}:log')
    await assertTold(t, telling)
    await after(before)
    await publishTo(instances[0], 'spared', 1)
    await other.until(1)
    t.equal(other.updates.length, 1)
  })

  await t.test('history trimmed past a member that missed updates: told, and the next subscription begins at the room', async t => {
    const proxy = await startProxy(t, redis.port)
    const [cut] = await cluster(t, 1, { REDIS_URL: proxy.url(), HISTORY_SIZE: '10' })
    const [whole] = await cluster(t, 1, { REDIS_URL: redis.url, HISTORY_SIZE: '10' })
    await Promise.all([cut.ready(), whole.ready()])
    const socket = await connect(t, cut.url, { token: bearer })
    const follower = await follow(socket, 'trimmed', 'board')
    const near = await follow(await connect(t, whole.url, { token: bearer }), 'trimmed', 'board')
    await publishTo(whole, 'trimmed', 1)
    await follower.until(1)
    const telling = nextEvent<Unsubscribed>(socket, 'unsubscribed', undefined, 20_000)
    await proxy.cut()
    for (const n of upTo(30)) await publishTo(whole, 'trimmed', n + 1)
    await near.until(31)
    await proxy.heal()
    await assertTold(t, Promise.all([telling]))
    t.strictSame(follower.updates.map(({ offset }) => offset), [1], 'nothing partial')
    t.match((await subscribe(socket, 'trimmed', 'board', follower.position())).data, { offset: 31, recovered: false, missed: 0 })
    t.equal(near.updates.length, 31, 'the other instance lost nothing')
  })
})

for (const appendonly of [false, true]) {
  test(`one Sentinel failover, the master killed, append-only file ${appendonly ? 'on' : 'off'}: told within 5 s of the new master, and the flow goes on`, async t => {
    const sentinel = await startSentinel(t, { appendonly })
    const instances = await cluster(t, 2, { REDIS_SENTINELS: sentinel.addresses, REDIS_SENTINEL_NAME: sentinel.name })
    await Promise.all(instances.map(instance => instance.ready()))
    const { told, after, position } = await witnesses(t, instances, 'failover')
    const before = position()
    const telling = told()
    t.equal(await sentinel.failover('crash'), sentinel.replica.port)
    await assertTold(t, telling)
    await after(before)
    await Promise.all(instances.map(instance => instance.ready()))
  })
}
