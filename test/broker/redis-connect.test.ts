// Connections to Redis whose socket reports more than one error: TLS does, when the peer ends what we have already refused.
import { once } from 'node:events'
import type { Redis } from 'ioredis'
import { test, type Test } from 'tap'
import { connect } from '../../services/broker/redis-connect.ts'
import { readSettings } from '../../services/settings/read.ts'
import { HOST, startRedis } from '../helpers/index.ts'
import { startSentinel } from '../helpers/sentinel.ts'

/** @returns what the first of them was reported as */
async function failTwice (redis: Redis): Promise<unknown> {
  const { stream } = redis as unknown as { stream: NodeJS.EventEmitter }
  const reported = once(redis, 'error')
  stream.emit('error', new Error('the first'))
  stream.emit('error', new Error('the second'))
  return (await reported)[0]
}

function watched (t: Test, redis: Redis): Redis {
  t.teardown(() => redis.disconnect())
  return redis.on('error', () => {})
}

test('a second error of a socket ends nothing', async t => {
  const server = await startRedis(t)
  const redis = watched(t, connect(readSettings({ REDIS_URL: server.url }), 'test'))
  await once(redis, 'ready')
  t.match(await failTwice(redis), { message: 'the first' })
  t.equal(await redis.ping(), 'PONG', 'it is in use still')
})

test('nor that of a socket to the master that Sentinels name, or to a Sentinel', async t => {
  const { addresses, name, ports: [port] } = await startSentinel(t)
  const redis = watched(t, connect(readSettings({ REDIS_SENTINELS: addresses, REDIS_SENTINEL_NAME: name }), 'test'))
  await once(redis, 'ready')
  t.match(await failTwice(redis), { message: 'the first' })
  t.equal(await redis.ping(), 'PONG')
  const { connector } = redis as unknown as { connector: { connectToSentinel: (sentinel: { host: string, port: number | undefined }) => Redis } }
  const sentinel = watched(t, connector.connectToSentinel({ host: HOST, port }))
  await once(sentinel, 'ready')
  t.match(await failTwice(sentinel), { message: 'the first' })
  t.equal(await sentinel.ping(), 'PONG')
})
