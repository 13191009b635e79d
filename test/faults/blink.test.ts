// A link to Redis that blinks: who subscribes at that moment is let in once it stands again.
import { test } from 'tap'
import { connect, metric, publish, startInstance, startRedis, subscribe, token, roomEvent, nextEvent, noEvent } from '../helpers/index.ts'

test('SUBSCRIBE while the pub/sub link is made anew waits for it', async t => {
  const redis = await startRedis(t)
  const instance = await startInstance(t, { REDIS_URL: redis.url, SUBSCRIBE_TIMEOUT_MS: '5000' })
  await instance.ready()
  const socket = await connect(t, instance.url, { token: token() })
  const other = await connect(t, instance.url, { token: token({ sub: 'bob' }) })
  await subscribe(other, 'acme', 'other')
  await redis.client().call('CLIENT', 'KILL', 'TYPE', 'pubsub')
  const answers = await Promise.all(Array.from({ length: 20 }, (_, i) => subscribe(socket, 'acme', `board-${i}`)))
  for (const answer of answers) t.equal(answer.status, 'SUCCESS')
  t.ok(await metric(instance.url, 'roomcast_redis_reconnects_total', 'subscriber') > 0)
  const heard = nextEvent(socket, roomEvent('acme', 'board-7'))
  await noEvent(other, roomEvent('acme', 'board-7'), async () => {
    await publish(instance.url, { workspaceId: 'acme', appId: 'board-7', event: 'E', payload: 1 })
    t.match(await heard, { payload: 1 })
    await subscribe(other, 'acme', 'barrier')
  })
})
