// What an instance must know before it trusts a token comes from the others, however the log of commands was lost or trimmed.
import { performance } from 'node:perf_hooks'
import { test } from 'tap'
import { call, cluster, connect, eventually, startInstance, startRedis, token, upTo, type Instance } from '../helpers/index.ts'
import { ACCEPTED, both, verdicts } from './verdicts.ts'

const LOG = 'roomcast:{$/commands}:log'
const META = 'roomcast:{$/commands}:meta'

async function order (instance: Instance, what: 'revoke' | 'restore', target: object): Promise<void> {
  const { status } = await call(instance.url, 'POST', `/api/v1/tokens/${what}`, { token: token({ sub: 'operator' }), body: target })
  if (status !== 200) throw new Error(`${what} answered ${status}`)
}

/** As soon as it lets anybody in. */
async function firstVerdict (instance: Instance, bearer: string): Promise<string | undefined> {
  return await eventually(async () => {
    const { body } = await call(instance.url, 'GET', '/api/v1/workspaces/acme/apps/board-1/presence', { token: bearer })
    return body.error?.code !== 'broker/unavailable' && (body.error?.code ?? 'accepted')
  }, 20_000)
}

test('after FLUSHALL an instance that starts trusts no token before the others have said what they know', async t => {
  const redis = await startRedis(t)
  // They do not look for themselves.
  const env = { REDIS_URL: redis.url, POSITION_CHECK_MS: '30000' }
  const [first, second] = await cluster(t, 2, env)
  await Promise.all([first.ready(), second.ready()])
  await order(first, 'revoke', { jti: 'stolen' })
  for (const round of upTo(2)) {
    await redis.client().flushall()
    const fresh = await startInstance(t, env)
    t.equal(await firstVerdict(fresh, token({ jti: 'stolen' })), 'auth/token-revoked', `round ${round}`)
    await t.rejects(connect(t, fresh.url, { token: token({ jti: 'stolen' }) }), { message: 'auth/token-revoked' })
    await connect(t, fresh.url, { token: token({ jti: 'another' }) })
    await fresh.kill()
  }
})

test('more live revocations than COMMANDS_HISTORY_SIZE: all count on every instance that starts, and none begins the log anew', async t => {
  const redis = await startRedis(t)
  const env = { REDIS_URL: redis.url, COMMANDS_HISTORY_SIZE: '20' }
  const first = await startInstance(t, env)
  await first.ready()
  for (const n of upTo(45)) await order(first, 'revoke', { jti: `stolen-${n}` })
  const epoch = await redis.client().hget(META, 'epoch')
  for (const round of upTo(3)) {
    const fresh = await startInstance(t, env)
    for (const n of [1, 2, 23, 45]) t.equal(await firstVerdict(fresh, token({ jti: `stolen-${n}` })), 'auth/token-revoked', `${n} in round ${round}`)
    t.strictSame(await verdicts(t, fresh.url, token({ jti: 'another' })), ACCEPTED)
    await fresh.kill()
  }
  t.equal(await redis.client().hget(META, 'epoch'), epoch)
})

test('a revocation that was taken back stays so after the log was lost, also by an instance that missed it', async t => {
  const redis = await startRedis(t)
  const env = { REDIS_URL: redis.url, LEASE_MS: '2000', HEARTBEAT_MS: '500' }
  const [first, second] = await cluster(t, 2, env)
  await Promise.all([first.ready(), second.ready()])
  await order(first, 'revoke', { jti: 'pardoned' })
  await order(first, 'revoke', { jti: 'stolen' })
  second.pause()
  // The first comes back by itself, and hears what the second misses.
  await redis.client().call('CLIENT', 'KILL', 'TYPE', 'pubsub')
  await order(first, 'restore', { jti: 'pardoned' })
  await eventually(async () => (await verdicts(t, first.url, token({ jti: 'pardoned' }))).http === 'accepted')
  await redis.client().flushall()
  second.resume()
  await second.ready()
  // Each has said what it knows, and they differ.
  await eventually(async () => (await redis.client().xlen(LOG)) >= 2, 10_000)
  const late = await startInstance(t, env)
  await late.ready()
  for (const instance of [first, second, late]) {
    await eventually(async () => (await verdicts(t, instance.url, token({ jti: 'pardoned' }))).http === 'accepted')
    t.strictSame(await verdicts(t, instance.url, token({ jti: 'stolen' })), both('auth/token-revoked'))
  }
})

test('a revocation that is written again keeps its own end', async t => {
  const redis = await startRedis(t)
  const first = await startInstance(t, { REDIS_URL: redis.url, POSITION_CHECK_MS: '200' })
  await first.ready()
  await order(first, 'revoke', { jti: 'stolen' })
  const ends = new Set<number>()
  for (let round = 0; round < 3; round++) {
    await redis.client().flushall()
    const text = await eventually(async () => (await redis.client().xrange(LOG, '-', '+')).map(([, [, envelope = '']]) => envelope).find(envelope => envelope.includes('"until"')))
    ends.add(Number(/"until":(\d+)/.exec(text)?.[1]))
  }
  t.equal(ends.size, 1, 'it does not move with each time that it is written')
})

test('an instance that does not answer holds up a start for LEASE_MS and no longer, and what it knew counts as soon as it says so', async t => {
  const redis = await startRedis(t)
  const env = { REDIS_URL: redis.url, LEASE_MS: '1500', HEARTBEAT_MS: '500' }
  const first = await startInstance(t, env)
  await first.ready()
  await order(first, 'revoke', { jti: 'stolen' })
  first.pause()
  await redis.client().flushall()
  const startedAt = performance.now()
  const fresh = await startInstance(t, env)
  t.equal(await firstVerdict(fresh, token({ jti: 'stolen' })), 'accepted')
  t.ok(performance.now() - startedAt >= 1500, 'it waited')
  t.ok(await eventually(() => fresh.output().includes('some instances did not report their revocations')), 'and says so')
  const socket = await connect(t, fresh.url, { token: token({ jti: 'stolen' }) })
  first.resume()
  await eventually(() => !socket.connected, 10_000)
  t.strictSame(await verdicts(t, fresh.url, token({ jti: 'stolen' })), both('auth/token-revoked'))
})

test('instances that start at once do not wait for one another in vain', async t => {
  const redis = await startRedis(t)
  const instances = await cluster(t, 3, { REDIS_URL: redis.url, LEASE_MS: '60000' })
  for (const instance of instances) await instance.ready()
  await order(instances[0], 'revoke', { jti: 'stolen' })
  for (const { url } of instances) await eventually(async () => (await verdicts(t, url, token({ jti: 'stolen' }))).http === 'auth/token-revoked')
})
