// Redis hangs, dies and comes back with its append-only file, or closes every connection: nothing that was answered 2xx is lost.
import { readFile } from 'node:fs/promises'
import { test } from 'tap'
import {
  call, cluster, connect, eventually, follow, keepPublishing, noEvent, publish, roomEvent, startClock, startRedis, statusOf, subscribe, token, upTo
} from '../helpers/index.ts'

test('Redis unavailable', async t => {
  const redis = await startRedis(t, { appendonly: true })
  const [a, b] = await cluster(t, 2, { REDIS_URL: redis.url })
  await Promise.all([a.ready(), b.ready()])
  const bearer = token({ sub: 'ann' })
  const residentMb = async (pid: number) => Number(/VmRSS:\s+(\d+)/.exec(await readFile(`/proc/${pid}/status`, 'utf8'))?.[1]) / 1024

  await t.test('Redis hangs for 5 s: sockets stay, readiness and publishing refuse in time, and flow resumes within 2 s', async t => {
    const socket = await connect(t, b.url, { token: bearer })
    const follower = await follow(socket, 'hang', 'board')
    const eve = await connect(t, b.url, { token: bearer })
    await subscribe(eve, 'hang', 'other')
    let disconnects = 0
    for (const one of [socket, eve]) one.on('disconnect', () => { disconnects++ })
    const update = { workspaceId: 'hang', appId: 'board', event: 'N', payload: 1 }
    t.equal((await publish(a.url, update)).status, 200)
    const before = await residentMb(a.pid)

    redis.pause()
    const pausedAt = performance.now()
    const clock = startClock(t)
    const notReady = Promise.all([a, b].map(({ url }) => eventually(async () => await statusOf(url, '/readyz') === 503, 3000)))
    const attempts: Array<{ ms: number, status: number, code: string | undefined }> = []
    let n = 1
    while (performance.now() - pausedAt < 5000) {
      await Promise.all(upTo(20).map(async () => {
        const startedAt = clock.now()
        const { status, body } = await publish(a.url, { ...update, payload: ++n, id: `try-${n}` })
        attempts.push({ ms: clock.now() - startedAt, status, code: body.error?.code })
      }))
    }
    await notReady
    t.equal(await statusOf(a.url, '/livez'), 200)
    t.ok(attempts.length > 60, `${attempts.length} attempts`)
    t.strictSame(attempts.filter(({ status, code }) => status !== 503 || !/^broker\/(timeout|unavailable)$/.test(code ?? '')), [], 'all are typed refusals')
    const slowest = Math.max(...attempts.map(({ ms }) => ms))
    t.ok(slowest < 1100, `the slowest took ${Math.round(slowest)} ms`)
    t.ok(await residentMb(a.pid) - before < 40, 'memory is flat')

    redis.resume()
    const resumedAt = clock.now()
    await eventually(async () => (await publish(a.url, { ...update, event: 'AFTER', id: 'after' })).status === 200, 2000)
    await follower.until(({ event }) => event === 'AFTER', 2000)
    const resumedWithin = Math.round(clock.now() - resumedAt)
    t.ok(resumedWithin < 2000, `delivery resumed after ${resumedWithin} ms`)
    await Promise.all([a.ready(), b.ready()])
    t.equal(disconnects, 0)
    await noEvent(eve, roomEvent('hang', 'board'), () => subscribe(eve, 'hang', 'barrier'))
  })

  await t.test('a publish that timed out and is repeated with its id is one update', async t => {
    const follower = await follow(await connect(t, b.url, { token: bearer }), 'doubt', 'board')
    const update = { workspaceId: 'doubt', appId: 'board', event: 'N', payload: 1, id: 'in-doubt' }
    redis.pause()
    t.match((await publish(a.url, update)).body.error, { code: 'broker/timeout' })
    redis.resume()
    await eventually(async () => (await publish(b.url, update)).status === 200)
    t.equal((await publish(a.url, { ...update, id: 'next', payload: 2 })).body.data.offset, 2)
    await follower.until(2)
    t.strictSame(follower.updates.map(({ payload }) => payload), [1, 2])
  })

  await t.test('Redis killed and restarted with its append-only file while publishing goes on: nothing lost, nobody told', async t => {
    const sockets = await Promise.all([a, b].map(({ url }) => connect(t, url, { token: bearer })))
    const followers = await Promise.all(sockets.map(socket => follow(socket, 'aof', 'board')))
    const publisher = keepPublishing(t, [a.url, b.url], 'aof', 'board', { pauseMs: 1 })
    for (const round of upTo(2)) {
      await eventually(() => publisher.acknowledged() > 200 * round, 20_000)
      await redis.stop()
      await eventually(async () => await statusOf(a.url, '/readyz') === 503)
      await redis.restart()
      const restarted = publisher.acknowledged()
      await eventually(() => publisher.acknowledged() > restarted, 2000)
    }
    const total = await publisher.stop()
    for (const follower of followers) {
      await follower.until(total)
      t.strictSame(follower.updates.map(({ payload }) => payload), upTo(total))
      t.equal(follower.answers.length, 1, 'the socket stayed')
    }
    await Promise.all([a.ready(), b.ready()])
    t.ok([...publisher.refusals.keys()].every(reason => reason.startsWith('broker/')), [...publisher.refusals.keys()].join(' '))
  })

  await t.test('all connections to Redis killed again and again: nothing lost', async t => {
    const follower = await follow(await connect(t, b.url, { token: bearer }), 'killed', 'board')
    const publisher = keepPublishing(t, [a.url, b.url], 'killed', 'board', { pauseMs: 1 })
    const client = redis.client()
    for (const round of upTo(8)) {
      for (const type of ['pubsub', 'normal']) await client.call('CLIENT', 'KILL', 'TYPE', type, 'SKIPME', 'yes')
      const before = publisher.acknowledged()
      await eventually(() => publisher.acknowledged() > before + 5 * round, 3000)
    }
    const total = await publisher.stop()
    await follower.until(total)
    t.strictSame(follower.updates.map(({ payload }) => payload), upTo(total))
    t.equal((await call(b.url, 'GET', '/livez')).status, 200)
  })
})
