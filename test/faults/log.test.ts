// What the log says while everything goes wrong at once: no line comes twice within a minute, and each says what to do.
import { test } from 'tap'
import {
  call, connect, eventually, limitHits, publish, rawSession, startInstance, startProxy, startReceiver, startRedis, subscribe, token, unsubscribe, type Instance
} from '../helpers/index.ts'

interface Line { level: number, time: number, msg: string }

const MINUTE_MS = 60_000
/** More than the kernel takes for a connection that nobody reads. */
const UPDATES = 400
const LARGE = 'x'.repeat(40_000)

function linesOf (instance: Instance): Line[] {
  return instance.output().split('\n').filter(line => line.startsWith('{')).map(line => JSON.parse(line) as Line)
}

function repeatsIn (lines: Line[]): string[] {
  const last = new Map<string, number>()
  return lines.flatMap(({ level, msg, time }) => {
    const before = last.get(`${level} ${msg}`)
    last.set(`${level} ${msg}`, time)
    return before !== undefined && time - before < MINUTE_MS - 1000 ? [`${msg}: after ${time - before} ms`] : []
  })
}

test('Redis away and back again and again, a receiver that fails, clients that do not read, bad tokens, garbage, draining', { timeout: 110_000 }, async t => {
  const redis = await startRedis(t)
  const admin = redis.client()
  const link = await startProxy(t, redis.port)
  const receiver = await startReceiver(t, () => 500)
  const instance = await startInstance(t, {
    LOG_LEVEL: 'info',
    REDIS_URL: link.url(),
    REDIS_RECONNECT_MAX_MS: '50',
    POSITION_CHECK_MS: '100',
    PRESENCE_LINGER_MS: '0',
    ROOM_LINGER_MS: '0',
    DRAIN_DELAY_SECONDS: '0',
    DRAIN_SECONDS: '0',
    WEBHOOK_URL: receiver.url,
    WEBHOOK_SECRET: 'x',
    WEBHOOK_RETRY_MAX_MS: '50',
    WEBHOOK_BATCH_MS: '10',
    WEBHOOK_QUEUE_SIZE: '5',
    STALL_TIMEOUT_MS: '1000',
    CLOSE_TIMEOUT_MS: '1000'
  })
  await instance.ready()
  const socket = await connect(t, instance.url, { token: token(), reconnection: true, transports: ['websocket'] })
  await subscribe(socket, 'acme', 'board-1')

  await t.test('clients that do not read', async t => {
    const sleepers = await Promise.all([1, 2, 3].map(() => rawSession(t, instance.url, token({ sub: 'sleeper' }))))
    for (const raw of sleepers) {
      raw.send(`42${JSON.stringify(['application', { event: 'SUBSCRIBE', payload: { workspaceId: 'acme', appId: 'much' } }])}`)
      await raw.frame('42')
      raw.socket.pause()
    }
    for (let i = 0; i < UPDATES; i += 8) await Promise.all(Array.from({ length: 8 }, () => publish(instance.url, { workspaceId: 'acme', appId: 'much', event: 'N', payload: LARGE })))
    await eventually(async () => await limitHits(instance.url, 'slow-client') >= 3, 20_000)
  })

  await t.test('bad tokens and bad requests, garbage, and rooms that open and close for a receiver that fails', async t => {
    for (let i = 0; i < 50; i++) {
      t.equal((await call(instance.url, 'POST', '/api/v1/publish', { token: 'bad', body: {} })).status, 401)
      await t.rejects(connect(t, instance.url, { token: 'bad' }))
      await admin.publish('roomcast:{acme/board-1}:updates', 'garbage')
      await subscribe(socket, 'acme', `visited-${i}`)
      await unsubscribe(socket, 'acme', `visited-${i}`)
    }
    await eventually(() => receiver.requests.length > 20, 20_000)
  })

  await t.test('Redis away and back, rooms that lose their past, a Redis that is full', async () => {
    for (let i = 0; i < 5; i++) {
      await link.cut()
      await eventually(async () => (await call(instance.url, 'GET', '/readyz')).status === 503)
      await publish(instance.url, { workspaceId: 'acme', appId: 'board-1', event: 'N', payload: 1 })
      await link.heal()
      await instance.ready()
      await admin.flushall()
      await subscribe(socket, 'acme', 'board-1')
    }
    await admin.config('SET', 'maxmemory', '1')
    await eventually(() => /redis refuses publishes/.test(instance.output()), 15_000)
    await admin.config('SET', 'maxmemory', '0')
    await instance.ready()
  })

  await instance.kill('SIGTERM')
  const lines = linesOf(instance)
  const told = [...new Set(lines.map(({ msg }) => msg))].join('\n')
  for (const what of ['cut off a connection', 'dropped an unreadable message', 'does not accept events', 'redis is unavailable', 'redis is available again', 'redis refuses publishes', 'lost its past', 'draining']) t.match(told, what)
  t.strictSame(repeatsIn(lines), [])
  t.notMatch(told, /token/)
})
