// What the log says while Redis is away: one warning when it goes, one when it is back, with its address, and no secret.
import { test } from 'tap'
import { connect, eventually, publish, startInstance, startRedis, statusOf, subscribe, token } from '../helpers/index.ts'

test('Redis unavailable for many attempts, with rooms, presence and publishers: two warnings, and no other line', async t => {
  const redis = await startRedis(t, { password: 'hunter2' })
  const instance = await startInstance(t, {
    REDIS_URL: redis.url.replace('redis://', 'redis://:hunter2@'), REDIS_RECONNECT_MAX_MS: '50', POSITION_CHECK_MS: '100', PRESENCE_LINGER_MS: '0', WEBHOOK_URL: 'http://127.0.0.1:1/', WEBHOOK_SECRET: 'x'
  })
  await instance.ready()
  const socket = await connect(t, instance.url, { token: token() })
  await subscribe(socket, 'acme', 'board-1')
  const lines = () => instance.output().split('\n').filter(line => line.startsWith('{')).map(line => JSON.parse(line) as Record<string, unknown>).filter(({ msg }) => !String(msg).startsWith('the webhook'))
  const reconnects = async () => Number(/redis_reconnects_total\{link="commands"\} (\d+)/.exec(await (await fetch(`${instance.url}/metrics`)).text())?.[1])
  t.strictSame(lines(), [])

  await redis.stop()
  await eventually(async () => await statusOf(instance.url, '/readyz') === 503)
  const before = await reconnects()
  await eventually(async () => {
    await publish(instance.url, { workspaceId: 'acme', appId: 'board-1', event: 'N', payload: 1 })
    await subscribe(socket, 'acme', `board-${await reconnects()}`)
    return await reconnects() > before + 30
  }, 10_000)
  t.match(lines(), [{ level: 40, msg: /^redis is unavailable/, redis: `127.0.0.1:${redis.port}`, err: /^[A-Za-z ]+$/ }])
  t.equal(lines().length, 1)

  await redis.restart()
  await instance.ready()
  await eventually(() => lines().length > 1)
  t.match(lines().slice(1), [{ level: 40, msg: 'redis is available again', redis: `127.0.0.1:${redis.port}`, awayMs: Number, failures: Number }])
  t.notMatch(instance.output(), /hunter2/)
})
