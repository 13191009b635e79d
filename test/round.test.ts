// One round through two instances: what the service is for.
import { test } from 'tap'
import { call, cluster, connect, nextEvent, noEvent, roomEvent, startRedis, subscribe, token, unsubscribe } from './helpers/index.ts'
import type { Update } from '../services/wire/protocol.ts'

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
