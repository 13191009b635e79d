// Coming, going and coming back while others publish: exactly once, in order, or told.
import { test } from 'tap'
import {
  cluster, connect, eventually, follow, keepPublishing, nextEvent, noEvent, publish, roomEvent, startProxy, startRedis, subscribe, token, upTo
} from '../helpers/index.ts'
import type { Update } from '../../services/wire/protocol.ts'

test('joining', async t => {
  const redis = await startRedis(t)
  const [a, b] = await cluster(t, 2, { REDIS_URL: redis.url })
  await Promise.all([a.ready(), b.ready()])
  const bearer = token({ sub: 'ann' })

  await t.test('many publishers on both instances: the same order for all, and nothing in another room', async t => {
    const sockets = await Promise.all([a, b, a, b].map(({ url }) => connect(t, url, { token: bearer })))
    const followers = await Promise.all(sockets.map(socket => follow(socket, 'many', 'board')))
    const eve = await connect(t, b.url, { token: bearer })
    await subscribe(eve, 'many', 'other')
    await noEvent(eve, roomEvent('many', 'board'), async () => {
      await Promise.all(upTo(8).map(async p => {
        for (const n of upTo(40)) await publish((n % 2 === 0 ? a : b).url, { workspaceId: 'many', appId: 'board', event: 'N', payload: [p, n] })
      }))
      for (const follower of followers) await follower.until(320)
      await subscribe(eve, 'many', 'barrier')
    })
    const [first, ...others] = followers.map(({ updates }) => updates.map(({ offset, id }) => [offset, id]))
    t.equal(first?.length, 320)
    for (const other of others) t.strictSame(other, first)
  })

  await t.test('ten callers with one id at once: one update, one receipt; another sub with that id has its own', async t => {
    const socket = await connect(t, b.url, { token: bearer })
    const follower = await follow(socket, 'retry', 'board')
    const update = { workspaceId: 'retry', appId: 'board', event: 'N', payload: 1, id: 'order-7' }
    const replies = await Promise.all(upTo(10).map(i => publish((i % 2 === 0 ? a : b).url, update)))
    t.equal(replies.filter(({ body }) => !body.data.duplicate).length, 1)
    for (const { body } of replies) t.match(body.data, { id: 'order-7', epoch: follower.position().epoch, offset: 1 })
    const other = await publish(a.url, update, token({ sub: 'svc-other' }))
    t.match(other.body.data, { offset: 2, duplicate: false })
    await follower.until(2)
    t.equal(follower.updates.length, 2)
  })

  await t.test('a client whose connection breaks again and again: complete replay, then live, each once', async t => {
    const edge = await startProxy(t, a.port)
    const socket = await connect(t, edge.url('http'), {
      // An upgrade from polling that breaks half-way makes a stock client stand still until its ping time-out.
      auth: { token: bearer, positions: false }, transports: ['websocket'], reconnection: true, reconnectionDelay: 10, reconnectionDelayMax: 200
    })
    const follower = await follow(socket, 'back', 'board')
    const publisher = keepPublishing(t, [a.url, b.url], 'back', 'board', { pauseMs: 1 })
    for (const round of upTo(12)) {
      await follower.until(publisher.acknowledged() + 5)
      edge.dropAll()
      await eventually(() => follower.answers.length > round, 10_000)
    }
    const total = await publisher.stop()
    await follower.until(total)
    t.strictSame(follower.updates.map(({ payload }) => payload), upTo(total))
    t.ok(follower.answers.some(({ data }) => data.missed > 0), 'some were missed and recovered')
  })

  await t.test('a position of another epoch, ahead of the room or out of history: recovered false, nothing partial', async t => {
    const short = { REDIS_URL: redis.url, HISTORY_SIZE: '10' }
    const [c] = await cluster(t, 1, short)
    await c.ready()
    const room = { workspaceId: 'gone', appId: 'board' }
    for (const n of upTo(30)) await publish(c.url, { ...room, event: 'N', payload: n })
    const socket = await connect(t, c.url, { token: bearer })
    const { epoch } = (await subscribe(socket, 'gone', 'board')).data
    const cases = [{ epoch: 'another', offset: 30 }, { epoch, offset: 31 }, { epoch, offset: 19 }]
    await noEvent(socket, roomEvent('gone', 'board'), async () => {
      for (const since of cases) {
        t.match((await subscribe(socket, 'gone', 'board', since)).data, { epoch, offset: 30, recovered: false, missed: 0 })
      }
      await subscribe(socket, 'gone', 'barrier')
    })
    const first = nextEvent<Update>(socket, roomEvent('gone', 'board'))
    t.match((await subscribe(socket, 'gone', 'board', { epoch, offset: 20 })).data, { recovered: true, missed: 10 })
    t.equal((await first).offset, 21, 'the oldest that is kept')
  })

  await t.test('forty who join while others publish have every update after the moment of joining, once', async t => {
    const publisher = keepPublishing(t, [a.url, b.url], 'middle', 'board', { pauseMs: 0 })
    const sockets = await Promise.all(upTo(10).map(i => connect(t, (i % 2 === 0 ? a : b).url, { token: bearer })))
    const { epoch } = (await subscribe(sockets[0] as typeof sockets[0] & object, 'middle', 'board')).data
    for (const round of upTo(4)) {
      const begin = publisher.acknowledged()
      const late = await Promise.all(sockets.map((_, i) => connect(t, (i % 2 === 0 ? a : b).url, { token: bearer })))
      const followers = await Promise.all(late.map((socket, i) => follow(socket, 'middle', 'board', i % 3 === 0 ? { epoch, offset: 0 } : undefined)))
      await eventually(() => publisher.acknowledged() > begin + 30)
      for (const follower of followers) {
        await follower.until(publisher.acknowledged())
        const [answer] = follower.answers
        const first = answer?.data.recovered ? 1 : (answer?.data.offset ?? 0) + 1
        t.equal(follower.updates[0]?.offset, first, `round ${round}: begins at ${first}`)
      }
    }
    await publisher.stop()
  })
})
