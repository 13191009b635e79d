// One instance is cut off, killed or stands still: the others are unaffected, its clients are whole again in time.
import { test } from 'tap'
import {
  cluster, connect, eventually, follow, keepPublishing, metric, noEvent, publish, roomEvent, startClock, startProxy, startRedis, statusOf, subscribe, token, upTo, within
} from '../helpers/index.ts'

const bearer = token({ sub: 'ann' })
/** A stock client, only with less patience. */
const RECONNECT = { token: bearer, reconnection: true, reconnectionDelay: 200, reconnectionDelayMax: 1000 }

test('instances', async t => {
  const redis = await startRedis(t)
  const proxy = await startProxy(t, redis.port)
  const [a] = await cluster(t, 1, { REDIS_URL: redis.url })
  const [b] = await cluster(t, 1, { REDIS_URL: proxy.url() })
  await Promise.all([a.ready(), b.ready()])
  const payloads = (updates: Array<{ payload: unknown }>) => updates.map(({ payload }) => payload)

  for (const how of ['cut', 'blackhole'] as const) {
    await t.test(`one instance cut off from Redis (${how}): not ready within 3 s, the other unaffected, caught up within 2 s after`, async t => {
      const socket = await connect(t, b.url, { token: bearer })
      const far = await follow(socket, how, 'board')
      const near = await follow(await connect(t, a.url, { token: bearer }), how, 'board')
      const publisher = keepPublishing(t, [a.url], how, 'board')
      await far.until(20)
      if (how === 'cut') await proxy.cut()
      else proxy.blackhole()
      await eventually(async () => await statusOf(b.url, '/readyz') === 503, 3000)
      t.equal(await statusOf(b.url, '/livez'), 200)
      t.match((await publish(b.url, { workspaceId: how, appId: 'board', event: 'N', payload: 0 })).body.error, { code: /^broker\// })
      const during = publisher.acknowledged()
      await near.until(during + 100)
      t.equal(await statusOf(a.url, '/readyz'), 200)
      t.equal(publisher.refusals.size, 0)
      await proxy.heal()
      await far.until(publisher.acknowledged(), 2000)
      const total = await publisher.stop()
      for (const follower of [near, far]) {
        // The cut instance's own refused publish, if it did go in, comes once.
        await eventually(() => follower.updates.some(({ payload }) => payload === total))
        t.strictSame(payloads(follower.updates).filter(payload => payload !== 0), upTo(total))
      }
      t.ok(socket.connected, 'the socket stayed')
      await b.ready()
    })
  }

  await t.test('event loop blocked for 2 s: nobody is disconnected, everything comes', async t => {
    const sockets = await Promise.all(upTo(30).map(() => connect(t, b.url, { token: bearer })))
    const followers = await Promise.all(sockets.map(socket => follow(socket, 'blocked', 'board')))
    let disconnects = 0
    for (const socket of sockets) socket.on('disconnect', () => { disconnects++ })
    const replaced = await metric(b.url, 'roomcast_redis_links_replaced_total')
    const publisher = keepPublishing(t, [a.url], 'blocked', 'board')
    await followers[0]?.until(10)
    b.pause()
    const pausedAt = performance.now()
    await eventually(() => performance.now() - pausedAt > 2000)
    b.resume()
    const total = await publisher.stop()
    for (const follower of followers) {
      await follower.until(total)
      if (payloads(follower.updates).join() !== upTo(total).join()) t.fail('a client is not whole')
    }
    t.equal(disconnects, 0)
    t.equal(await metric(b.url, 'roomcast_redis_links_replaced_total'), replaced, 'and the link to Redis stayed')
  })

  await t.test('500 clients back at once: at most three history reads, every one whole', async t => {
    const edge = await startProxy(t, b.port)
    const clients = []
    for (let i = 0; i < 10; i++) {
      clients.push(...await Promise.all(upTo(50).map(async n => {
        const socket = await connect(t, edge.url('http'), { ...RECONNECT, token: token({ sub: `user-${i}-${n}` }), transports: ['websocket'], reconnectionDelayMax: 300 })
        return { socket, follower: await follow(socket, 'crowd', 'board') }
      })))
    }
    await publish(a.url, { workspaceId: 'crowd', appId: 'board', event: 'N', payload: 1 })
    for (const { follower } of clients) await follower.until(1, 10_000)
    const reads = await metric(b.url, 'roomcast_history_reads_total')
    await edge.cut()
    for (const n of upTo(50)) await publish(a.url, { workspaceId: 'crowd', appId: 'board', event: 'N', payload: n + 1 })
    await edge.heal()
    await publish(a.url, { workspaceId: 'crowd', appId: 'board', event: 'N', payload: 52 })
    for (const { follower } of clients) await follower.until(52, 20_000)
    for (const { follower } of clients) if (follower.updates.length !== 52) t.fail('a client is not whole')
    const made = await metric(b.url, 'roomcast_history_reads_total') - reads
    t.ok(made <= 3, `${made} history reads for ${clients.length} clients`)
    for (const { socket } of clients) socket.close()
  })

  await t.test('instance SIGKILL: its clients reconnect to another and are whole within 3 s', async t => {
    const [doomed] = await cluster(t, 1, { REDIS_URL: redis.url })
    await doomed.ready()
    const edge = await startProxy(t, doomed.port)
    const clients = await Promise.all(upTo(100).map(async n => {
      const socket = await connect(t, edge.url('http'), { ...RECONNECT, token: token({ sub: `user-${n}` }), transports: ['websocket'] })
      return await follow(socket, 'killed', 'board')
    }))
    const stayed = await follow(await connect(t, a.url, { token: bearer }), 'killed', 'board')
    const eve = await connect(t, a.url, { token: bearer })
    await subscribe(eve, 'killed', 'other')
    // Slow enough that 100 clients in this one process do not measure themselves.
    const publisher = keepPublishing(t, [a.url], 'killed', 'board', { pauseMs: 100 })
    await noEvent(eve, roomEvent('killed', 'board'), async () => {
      for (const follower of clients) await follower.until(5, 10_000)
      edge.retarget(a.port)
      await doomed.kill('SIGKILL')
      const clock = startClock(t)
      const goal = publisher.acknowledged() + 1
      const times = await Promise.all(clients.map(async follower => {
        await eventually(() => follower.answers.length > 1, 15_000)
        await follower.until(goal, 15_000)
        return clock.now()
      }))
      const inTime = times.filter(ms => ms < 3000).length
      t.ok(inTime >= 99, `${inTime} of 100 whole within 3 s, the last after ${Math.round(Math.max(...times))} ms`)
      const total = await publisher.stop()
      for (const follower of [stayed, ...clients]) {
        await within(5000, 'the end', follower.until(total))
        if (payloads(follower.updates).join() !== upTo(total).join()) t.fail('a client is not whole')
      }
      await subscribe(eve, 'killed', 'barrier')
    })
  })
})
