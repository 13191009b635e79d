// The link that brings updates fails in every way a link can, also without a sign: found, and repaired from history.
import { test } from 'tap'
import {
  cluster, connect, eventually, follow, keepPublishing, metric, nextEvent, noEvent, publish, roomEvent, startClock, startProxy, startRedis, subscribe, token, upTo
} from '../helpers/index.ts'

test('pub/sub link', async t => {
  const redis = await startRedis(t)
  const client = redis.client()
  const proxy = await startProxy(t, redis.port)
  const [a] = await cluster(t, 1, { REDIS_URL: redis.url })
  const [b] = await cluster(t, 1, { REDIS_URL: proxy.url() })
  await Promise.all([a.ready(), b.ready()])
  const bearer = token({ sub: 'ann' })
  const channel = (room: string) => `roomcast:{${room}}:updates`
  const payloads = (updates: Array<{ payload: unknown }>) => updates.map(({ payload }) => payload)

  await t.test('pub/sub connections killed every 200 ms for 4 s: nothing lost, repeated or out of order', async t => {
    const followers = await Promise.all([a, b].map(async ({ url }) => await follow(await connect(t, url, { token: bearer }), 'killed', 'board')))
    const publisher = keepPublishing(t, [a.url, b.url], 'killed', 'board', { pauseMs: 1 })
    let kills = 0
    const timer = setInterval(() => {
      void client.call('CLIENT', 'KILL', 'TYPE', 'pubsub').then(count => { kills += Number(count) })
    }, 200)
    const startedAt = performance.now()
    await eventually(() => performance.now() - startedAt > 4000, 6000)
    clearInterval(timer)
    const total = await publisher.stop()
    for (const follower of followers) {
      await follower.until(total, 5000)
      t.strictSame(payloads(follower.updates), upTo(total))
    }
    t.ok(kills > 10, `${kills} connections killed under ${total} updates`)
    t.equal(publisher.refusals.size, 0, 'no publish failed')
    await Promise.all([a.ready(), b.ready()])
  })

  await t.test('half-open: no bytes and no close; found by the probe and repaired within 5 s', async t => {
    const follower = await follow(await connect(t, b.url, { token: bearer }), 'half-open', 'board')
    const near = await follow(await connect(t, a.url, { token: bearer }), 'half-open', 'board')
    const send = (n: number) => publish(a.url, { workspaceId: 'half-open', appId: 'board', event: 'N', payload: n })
    await send(1)
    await follower.until(1)
    const list = String(await client.call('CLIENT', 'LIST', 'TYPE', 'pubsub'))
    proxy.strand([...list.matchAll(/ addr=\S+?:(\d+)/g)].map(([, port]) => Number(port)))
    const clock = startClock(t)
    await send(2)
    await near.until(2)
    t.equal(follower.position().offset, 1, 'the stranded instance has not heard')
    await follower.until(2, 5000)
    t.ok(clock.now() < 5000, `repaired after ${Math.round(clock.now())} ms`)
    t.equal(await metric(b.url, 'roomcast_redis_links_replaced_total') > 0, true)
    await b.ready()
  })

  await t.test('the last update of a burst lost on the way is repaired within 5 s, on every instance', async t => {
    const followers = await Promise.all([a, b].map(async ({ url }) => await follow(await connect(t, url, { token: bearer }), 'tail', 'board')))
    for (const n of upTo(5)) await publish(a.url, { workspaceId: 'tail', appId: 'board', event: 'N', payload: n })
    for (const follower of followers) await follower.until(5)
    // What the publish script does, without its PUBLISH.
    const { epoch } = followers[0]?.position() ?? { epoch: '' }
    const lost = { v: 1, kind: 'update', epoch, offset: 6, publishedAt: Date.now(), id: 'lost', event: 'N', payload: 6, userId: 'ann' }
    await client.multi().xadd('roomcast:{tail/board}:log', '6-0', 'm', JSON.stringify(lost), 'k', '').hset('roomcast:{tail/board}:meta', 'offset', '6').exec()
    for (const follower of followers) {
      await follower.until(6, 5000)
      t.strictSame(payloads(follower.updates), upTo(6))
    }
  })

  await t.test('dropped by Redis for lag: caught up from history', async t => {
    const follower = await follow(await connect(t, b.url, { token: bearer }), 'lag', 'board')
    const [, before = ''] = await client.config('GET', 'client-output-buffer-limit') as string[]
    await client.config('SET', 'client-output-buffer-limit', 'pubsub 20000 0 0')
    // More than the 16 KiB that are not counted, in one step, and in pieces that Valkey 9 does not hold by reference.
    const burst = Array.from({ length: 5 }, () => ['publish', channel('lag/board'), 'x'.repeat(12_000)])
    const reconnects = await metric(b.url, 'roomcast_redis_reconnects_total', 'subscriber')
    for (const n of upTo(4)) {
      await client.multi(burst).exec()
      await publish(a.url, { workspaceId: 'lag', appId: 'board', event: 'N', payload: n })
      await follower.until(n, 5000)
    }
    t.ok(await metric(b.url, 'roomcast_redis_reconnects_total', 'subscriber') > reconnects, 'Redis did drop it')
    await client.config('SET', 'client-output-buffer-limit', before)
    t.strictSame(payloads(follower.updates), upTo(4))
  })

  await t.test('garbage on the channel is dropped and counted, and nobody is disturbed', async t => {
    const follower = await follow(await connect(t, b.url, { token: bearer }), 'garbage', 'board')
    const eve = await connect(t, b.url, { token: bearer })
    await subscribe(eve, 'garbage', 'other')
    const before = await metric(b.url, 'roomcast_messages_dropped_total', 'garbage')
    const garbage = ['', '{', 'null', '[]', '{"v":1}', '{"v":1,"kind":"update"}', '\u0000\uffff', `{"v":1,"kind":"update","offset":"${'9'.repeat(1000)}"}`, '['.repeat(100_000)]
    for (const text of garbage) await client.publish(channel('garbage/board'), text)
    const stray = { v: 1, kind: 'update', publishedAt: Date.now(), id: 'stray', event: 'N', payload: 0, userId: 'eve' }
    await client.publish(channel('garbage/board'), JSON.stringify({ ...stray, epoch: 'another', offset: 1 }))
    await client.publish(channel('garbage/board'), JSON.stringify({ ...stray, epoch: follower.position().epoch, offset: 900 }))
    for (const n of upTo(20)) await publish(a.url, { workspaceId: 'garbage', appId: 'board', event: 'N', payload: n })
    await follower.until(20)
    t.strictSame(payloads(follower.updates), upTo(20))
    t.equal(await metric(b.url, 'roomcast_messages_dropped_total', 'garbage') - before, garbage.length)
    await noEvent(eve, roomEvent('garbage', 'board'), () => subscribe(eve, 'garbage', 'barrier'))
    t.equal((await subscribe(eve, 'garbage', 'board')).data.epoch, follower.position().epoch, 'still the same epoch')
  })

  await t.test('an envelope with fields of a newer service is read, and they stay inside; another version is dropped', async t => {
    const follower = await follow(await connect(t, b.url, { token: bearer }), 'envelope', 'board')
    const { epoch } = follower.position()
    const envelope = { kind: 'update', epoch, offset: 1, publishedAt: Date.now(), id: 'newer', event: 'N', payload: 1, userId: 'ann', region: 'eu', later: { deep: true } }
    await client.publish(channel('envelope/board'), JSON.stringify({ v: 2, ...envelope, payload: 'of version 2' }))
    // As an instance of a newer release would: the meta, the log and the channel in one step.
    const text = JSON.stringify({ v: 1, ...envelope })
    await client.multi()
      .xadd('roomcast:{envelope/board}:log', '1-0', 'm', text, 'k', '').hset('roomcast:{envelope/board}:meta', 'offset', '1')
      .publish(channel('envelope/board'), text).exec()
    await follower.until(1)
    await publish(a.url, { workspaceId: 'envelope', appId: 'board', event: 'N', payload: 2 })
    await follower.until(2)
    t.strictSame(payloads(follower.updates), [1, 2])
    t.notOk('region' in (follower.updates[0] ?? {}), 'what is not of the contract is not passed on')
  })

  await t.test('a room that Redis cannot read does not hide a loss in another one', async t => {
    const socket = await connect(t, a.url, { token: bearer })
    const follower = await follow(socket, 'beside', 'board')
    await subscribe(socket, 'broken', 'board')
    await client.set('roomcast:{broken/board}:meta', 'not a hash')
    await publish(a.url, { workspaceId: 'beside', appId: 'board', event: 'N', payload: 1 })
    await follower.until(1)
    const told = nextEvent(socket, 'unsubscribed')
    await client.del('roomcast:{beside/board}:meta', 'roomcast:{beside/board}:log')
    t.match(await told, { workspaceId: 'beside', code: 'history/insufficient' })
    const failed = await metric(a.url, 'roomcast_position_checks_total', 'failed')
    await eventually(async () => await metric(a.url, 'roomcast_position_checks_total', 'failed') > failed)
    await client.del('roomcast:{broken/board}:meta')
  })
})
