// The main job: an update published anywhere reaches everyone in the room, on every instance, and nobody else.
import { test } from 'tap'
import { call, cluster, connect, follow, nextEvent, noEvent, publish, roomEvent, startRedis, subscribe, token, unsubscribe } from './helpers/index.ts'
import type { Update } from '../services/protocol.ts'

test('a PUT on one instance reaches a subscriber of the other, and neither who unsubscribed nor another room', async t => {
  const redis = await startRedis(t)
  const [a, b] = await cluster(t, 2, { REDIS_URL: redis.url })
  await Promise.all([a.ready(), b.ready()])
  const ann = await connect(t, b.url, { token: token({ sub: 'ann' }) })
  const bob = await connect(t, b.url, { token: token({ sub: 'bob' }) })
  const eve = await connect(t, b.url, { token: token({ sub: 'eve' }) })
  await subscribe(ann, 'acme', 'board-1')
  await subscribe(bob, 'acme', 'board-1')
  await unsubscribe(bob, 'acme', 'board-1')
  await subscribe(eve, 'acme', 'board-2')

  const heard = nextEvent<Update>(ann, roomEvent('acme', 'board-1'))
  const answer = await call(a.url, 'PUT', '/api/v1/apps/', {
    token: token({ sub: 'svc-apps' }), body: { workspaceId: 'acme', appId: 'board-1', displayName: 'Plans' }
  })
  t.equal(answer.status, 200)
  t.strictSame(answer.body.data, { displayName: 'Plans', workspaceId: 'acme', appId: 'board-1' })
  const update = await heard
  t.match(update, {
    event: 'UPDATE_APP', payload: { id: 'board-1', displayName: 'Plans', workspaceID: 'acme' }, userId: 'svc-apps', workspaceId: 'acme', appId: 'board-1', offset: 1
  })
  t.match(update.epoch, /^[\w-]+$/)
  const barrier = () => subscribe(bob, 'acme', 'barrier')
  await noEvent(bob, roomEvent('acme', 'board-1'), barrier)
  await noEvent(eve, roomEvent('acme', 'board-1'), () => subscribe(eve, 'acme', 'barrier'))
})

test('sixteen concurrent publishers over both instances: everyone sees offsets 1 to 1,000 in order, each once', async t => {
  const redis = await startRedis(t)
  const instances = await cluster(t, 2, { REDIS_URL: redis.url })
  await Promise.all(instances.map(instance => instance.ready()))
  const sockets = await Promise.all([...instances, ...instances].map((instance, i) => connect(t, instance.url, { token: token({ sub: `user-${i}` }) })))
  const followers = await Promise.all(sockets.map(socket => follow(socket, 'acme', 'board-1')))
  const total = 1000
  let next = 0
  await Promise.all(Array.from({ length: 16 }, async (_, i) => {
    while (next < total) {
      const n = next++
      const { status } = await publish((instances[i % 2] ?? instances[0]).url, { workspaceId: 'acme', appId: 'board-1', event: 'N', payload: n })
      if (status !== 200) t.fail(`publish answered ${status}`)
    }
  }))
  for (const follower of followers) {
    const updates = await follower.until(total, 20_000)
    t.strictSame(updates.map(({ offset }) => offset), Array.from({ length: total }, (_, i) => i + 1))
    t.equal(new Set(updates.map(({ payload }) => payload)).size, total)
  }
})
