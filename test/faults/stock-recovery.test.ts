// Stock clients that know no `since`, under faults: killed instances, Redis gone, and what happens while they come back.
import { test } from 'tap'
import {
  buildReady, call, cluster, comeBack, connect, eventually, followStock, HOST, keepPublishing, metric, openWebSocket, sendBack, settled, startInstance, startProxy, startRedis,
  subscribeAndLeave, token, updatesOf, upTo
} from '../helpers/index.ts'

const BOARD = 'acme/board-1'
const RECONNECTION = { reconnection: true, reconnectionDelay: 50, reconnectionDelayMax: 200 }

test('an instance is killed: stock clients come back on the other one, recovered, every update once and in order', async t => {
  const redis = await startRedis(t)
  const [a, b] = await cluster(t, 2, { REDIS_URL: redis.url })
  await Promise.all([a.ready(), b.ready()])
  const edge = await startProxy(t, a.port)
  const rooms = [BOARD, ...upTo(4).map(n => `acme/quiet-${n}`)]
  const followers = await Promise.all(upTo(12).map(async n => await followStock(await connect(t, edge.url('http'), {
    token: token({ sub: `user-${n}` }), ...RECONNECTION, transports: [n % 3 === 0 ? 'polling' : 'websocket']
  }), n % 2 === 0 ? rooms : [BOARD], n % 4 === 0)))
  const outsider = await followStock(await connect(t, edge.url('http'), { token: token({ sub: 'eve' }), ...RECONNECTION }), ['acme/elsewhere'])
  const publisher = keepPublishing(t, [b.url], 'acme', 'board-1')
  await followers[0]?.until(BOARD, 20)
  edge.retarget(b.port)
  await a.kill('SIGKILL')
  await eventually(() => followers.every(({ recovered, fresh }) => recovered + fresh > 0), 10_000)
  await followers[0]?.until(BOARD, publisher.acknowledged() + 20)
  const total = await publisher.stop()
  for (const follower of followers) {
    await follower.until(BOARD, total)
    t.strictSame(follower.updates.map(({ payload }) => payload), upTo(total))
    t.match(follower, { recovered: 1, fresh: 0, faults: [], told: [] })
  }
  t.strictSame(outsider.updates, [])
  t.equal(await metric(b.url, 'roomcast_stock_recoveries_total', 'outcome="recovered"'), 13)
})

test('Redis is restarted while stock clients come back: they wait for it, and are recovered', async t => {
  const redis = await startRedis(t, { appendonly: true })
  const instance = await startInstance(t, { REDIS_URL: redis.url, FEED_TAIL_BYTES: '0' })
  await instance.ready()
  const edge = await startProxy(t, instance.port)
  const followers = await Promise.all(upTo(6).map(async n => await followStock(await connect(t, edge.url('http'), {
    token: token({ sub: `user-${n}` }), ...RECONNECTION, transports: ['websocket']
  }), [BOARD])))
  const publisher = keepPublishing(t, [instance.url], 'acme', 'board-1')
  await followers[0]?.until(BOARD, 20)
  await edge.cut()
  await followers[0]?.until(BOARD, 20)
  const missed = publisher.acknowledged() + 5
  await eventually(() => publisher.acknowledged() >= missed)
  await redis.stop()
  await edge.heal()
  await eventually(() => edge.connections() >= followers.length)
  await redis.restart()
  await followers[0]?.until(BOARD, missed + 20)
  const total = await publisher.stop()
  for (const follower of followers) {
    await follower.until(BOARD, total)
    t.strictSame(follower.updates.map(({ payload }) => payload), upTo(total))
    t.match(follower, { recovered: 1, fresh: 0, faults: [], told: [] })
  }
})

test('Redis stays away: a stock client begins anew after STOCK_RECOVERY_TIMEOUT_MS, and nothing of the attempt is left', async t => {
  const redis = await startRedis(t)
  const settings = { REDIS_URL: redis.url, FEED_TAIL_BYTES: '0', STOCK_RECOVERY_TIMEOUT_MS: '400' }
  const [a, b] = await cluster(t, 2, settings)
  await Promise.all([a.ready(), b.ready()])
  const left = await subscribeAndLeave(t, a.url, [BOARD])
  redis.pause()
  const { raw, isRecovered } = await comeBack(t, b.url, left)
  t.notOk(isRecovered)
  redis.resume()
  await b.ready()
  await call(a.url, 'POST', '/api/v1/publish', { token: token({ sub: 'svc' }), body: { workspaceId: 'acme', appId: 'board-1', event: 'N', payload: 1 } })
  await settled(raw)
  t.strictSame(updatesOf(raw), [])
  t.equal(await metric(b.url, 'roomcast_subscriptions'), 0)
  t.equal(await metric(b.url, 'roomcast_stock_recoveries_total', 'outcome="broker/unavailable"'), 1)
})

test('while it comes back', async t => {
  const redis = await startRedis(t)
  const link = await startProxy(t, redis.port)
  const settings = { ROOM_LINGER_MS: '0', FEED_TAIL_BYTES: '0' }
  const [far, near] = await Promise.all([startInstance(t, { REDIS_URL: link.url(), ...settings }), startInstance(t, { REDIS_URL: redis.url, ...settings })])
  await Promise.all([far.ready(), near.ready()])
  /** On the far instance, what it asks Redis takes a while. */
  const slowly = async (work: () => Promise<void>): Promise<void> => {
    link.delay(80)
    await work()
    link.delay(0)
  }
  const publish = async (room: string) => {
    const [workspaceId = '', appId = ''] = room.split('/')
    t.equal((await call(near.url, 'POST', '/api/v1/publish', { token: token({ sub: 'svc' }), body: { workspaceId, appId, event: 'N', payload: 1 } })).status, 200)
  }

  await t.test('an operator unsubscribes the user: it counts, and nothing of the room is sent', async t => {
    const left = await subscribeAndLeave(t, near.url, ['acme/a', 'acme/b'], token({ sub: 'uma' }))
    await slowly(async () => {
      const raw = await sendBack(t, far.url, { ...left, token: token({ sub: 'uma' }) })
      await call(near.url, 'POST', '/api/v1/sessions/unsubscribe', { token: token({ sub: 'svc' }), body: { userId: 'uma', workspaceId: 'acme', appId: 'a' } })
      const { pid } = JSON.parse((await raw.frame('40')).slice(2)) as { pid: string }
      await publish('acme/a')
      await publish('acme/b')
      if (pid === left.pid) {
        t.match(await raw.frame('42["unsubscribed"'), /"auth\/unsubscribed".*"acme\/b:/)
        await eventually(() => updatesOf(raw).length === 1)
      }
      await settled(raw)
      t.notOk(updatesOf(raw).some(frame => frame.includes('"appId":"a"')))
    })
  })

  await t.test('it goes away again, or is disconnected: nothing of it is left', async t => {
    const rooms = upTo(5).map(n => `acme/gone-${n}`)
    const left = await subscribeAndLeave(t, near.url, rooms, token({ sub: 'dan' }))
    await eventually(async () => await metric(far.url, 'roomcast_rooms') === 1 && await metric(far.url, 'roomcast_subscriptions') === 0)
    await slowly(async () => {
      const coming = await Promise.all(upTo(20).map(() => sendBack(t, far.url, { ...left, token: token({ sub: 'dan' }) })))
      for (const [i, { socket }] of coming.entries()) if (i % 2 === 0) socket.terminate()
      await call(near.url, 'POST', '/api/v1/sessions/disconnect', { token: token({ sub: 'svc' }), body: { userId: 'dan' } })
      await Promise.all(coming.map(raw => raw.closed()))
      for (const raw of coming) t.strictSame(updatesOf(raw), [])
    })
    await eventually(async () => await metric(far.url, 'roomcast_rooms') === 1)
    t.equal(await metric(far.url, 'roomcast_subscriptions'), 0)
    t.equal(await metric(far.url, 'roomcast_sockets'), 0)
  })

  await t.test('the room loses its past: a fresh start, or told', async t => {
    await publish('acme/c')
    const left = await subscribeAndLeave(t, near.url, ['acme/c'])
    await slowly(async () => {
      const raw = await sendBack(t, far.url, left)
      await redis.client().flushall()
      await publish('acme/c')
      const { pid } = JSON.parse((await raw.frame('40')).slice(2)) as { pid: string }
      if (pid === left.pid) await raw.frame('42["unsubscribed"')
      await settled(raw)
      t.strictSame(updatesOf(raw), [])
    })
  })
})

test('hundreds back at once: at most three reads of the history', async t => {
  const redis = await startRedis(t)
  const server = await buildReady(t, { REDIS_URL: redis.url, FEED_TAIL_BYTES: '0' })
  const url = await server.listen({ host: HOST, port: 0 })
  const left = await subscribeAndLeave(t, url, [BOARD])
  for (const n of upTo(50)) await server.roomcast.publisher.publish({ workspaceId: 'acme', appId: 'board-1', event: 'N', payload: n, userId: 'svc' })
  const before = await metric(url, 'roomcast_history_reads_total')
  const crowd = await Promise.all(upTo(300).map(() => openWebSocket(t, url)))
  for (const raw of crowd) raw.send(`40${JSON.stringify({ token: token(), ...left })}`)
  await eventually(() => crowd.every(raw => updatesOf(raw).length === 50), 20_000)
  for (const raw of crowd) t.ok(raw.frames.some(frame => frame.includes(left.pid)))
  const reads = await metric(url, 'roomcast_history_reads_total') - before
  t.ok(reads <= 3, `${reads} reads`)
})
