// The Redis user of docs/operations.md: everything works with it, and it can do nothing else.
import { readFile } from 'node:fs/promises'
import calculateSlot from 'cluster-key-slot'
import { test, type Test } from 'tap'
import type { Redis } from 'ioredis'
import { redisScripts } from '../services/broker/redis-scripts.ts'
import {
  call, cluster, connect, connected, eventually, follow, HOST, listenTo, nextEvent, noEvent, pathOf, publication, publish, redisBroker, roomEvent, startReceiver, startRedis, startRedisCluster, subscribe, token, upTo, type Receiver
} from './helpers/index.ts'

const PASSWORD = 'for-this-test-only'

async function aclLine (): Promise<string[]> {
  const text = await readFile(pathOf('docs/operations.md'), 'utf8')
  const [line = ''] = /^ACL SETUSER .+$/m.exec(text) ?? []
  return line.replace('PASSWORD', PASSWORD).split(' ')
}

function webhookTo ({ url }: Receiver) {
  return { WEBHOOK_URL: url, WEBHOOK_SECRET: 'a-secret-of-the-webhook', WEBHOOK_EVENTS: 'room.occupied,room.vacated,member.joined,member.left', WEBHOOK_BATCH_MS: '50' }
}

/** What was refused. That a client tells its version is not needed, and Redis below 7.2 does not know it. */
async function refused (client: Redis): Promise<string[]> {
  const entries = await client.call('ACL', 'LOG') as unknown[]
  return entries.map(entry => JSON.stringify(entry)).filter(entry => !entry.includes('setinfo'))
}

test('two instances do everything with that user, the webhook too', async t => {
  const redis = await startRedis(t)
  const admin = redis.client()
  const [command = '', ...args] = await aclLine()
  await admin.call(command, ...args)
  await doEverything(t, { REDIS_URL: `redis://roomcast:${PASSWORD}@${HOST}:${redis.port}` }, () => Promise.resolve(admin))
  t.strictSame(await refused(admin), [])
})

test('in a cluster, with the permissions that the page adds, also while a slot moves', async t => {
  const redis = await startRedisCluster(t, { replicas: 0 })
  const [command = '', ...args] = await aclLine()
  const [, more = ''] = /In a cluster, the user also needs `([^`]+)`/.exec(await readFile(pathOf('docs/operations.md'), 'utf8')) ?? []
  const admins = redis.servers.map(server => redis.clientOf(server))
  for (const admin of admins) await admin.call(command, ...args, ...more.split(' '))
  // The host of REDIS_URL is ignored.
  const env = { REDIS_CLUSTER: redis.addresses, REDIS_URL: `redis://roomcast:${PASSWORD}@nowhere.invalid` }
  const [a, b] = await doEverything(t, env, async room => redis.clientOf(await redis.masterOf(calculateSlot(room))))

  const slot = calculateSlot('acme/board-4')
  const follower = await follow(await connect(t, b.url, { token: token() }), 'acme', 'board-4')
  const home = await redis.masterOf(slot)
  let sent = 0
  for (const to of [...redis.servers.filter(server => server !== home), home]) {
    await redis.migrate(slot, to)
    for (const url of [a.url, b.url]) t.equal((await publish(url, { workspaceId: 'acme', appId: 'board-4', event: 'N', payload: ++sent })).status, 200)
  }
  await follower.until(sent)
  t.strictSame(follower.updates.map(({ payload }) => payload), upTo(sent))
  for (const admin of admins) t.strictSame(await refused(admin), [])
})

/** @param adminOf the Redis that has the room */
async function doEverything (t: Test, env: Record<string, string>, adminOf: (room: string) => Promise<Redis>) {
  const receiver = await startReceiver(t)
  const [a, b] = await cluster(t, 2, { ...env, ROOM_LINGER_MS: '0', POSITION_CHECK_MS: '200', ...webhookTo(receiver) })
  await Promise.all([a.ready(), b.ready()])

  const ann = await connect(t, a.url, { token: token({ sub: 'ann', jti: 'one' }) })
  const bob = await connect(t, b.url, { token: token({ sub: 'bob' }) })
  const eve = await connect(t, b.url, { token: token({ sub: 'eve' }) })
  const follower = await follow(ann, 'acme', 'board-1')
  await subscribe(bob, 'acme', 'board-2')
  const joined = nextEvent(ann, 'presence')
  await subscribe(eve, 'acme', 'board-1')
  await joined

  const update = { workspaceId: 'acme', appId: 'board-1', event: 'N', payload: 1 }
  await noEvent(bob, roomEvent('acme', 'board-1'), async () => {
    for (const more of [{}, { id: 'mine' }, { id: 'mine' }, { ephemeral: true }]) {
      t.equal((await publish(b.url, { ...update, ...more })).status, 200, JSON.stringify(more))
    }
    await follower.until(({ offset }) => offset === undefined)
    await subscribe(bob, 'acme', 'board-3')
  })
  t.equal(follower.position().offset, 2)
  const bearer = token()
  t.equal((await call(a.url, 'GET', '/api/v1/workspaces/acme/apps/board-1/history?limit=10', { token: bearer })).status, 200)
  t.equal((await call(a.url, 'GET', '/api/v1/workspaces/acme/apps/board-1/presence', { token: bearer })).status, 200)
  t.match((await call(a.url, 'POST', '/api/v1/sessions/disconnect', { token: bearer, body: { userId: 'eve' } })).body.data, { sockets: 1, complete: true })

  await eventually(() => receiver.events('board-1').includes('member.left') && receiver.events('board-2').includes('room.occupied'))

  // A room that goes back in time gets a new epoch.
  const ended = nextEvent(ann, 'unsubscribed')
  await (await adminOf('acme/board-1')).hset('roomcast:{acme/board-1}:meta', 'offset', '1')
  t.match(await ended, { code: 'history/insufficient' })

  t.match((await call(a.url, 'POST', '/api/v1/tokens/revoke', { token: bearer, body: { jti: 'one' } })).body.data, { sockets: 1, complete: true })
  await eventually(async () => (await fetch(`${a.url}/readyz`)).ok && (await fetch(`${b.url}/readyz`)).ok)
  return [a, b] as const
}

test('with a database other than 0 its channels are those that the page names', async t => {
  const redis = await startRedis(t)
  const admin = redis.client()
  const [command = '', ...args] = await aclLine()
  await admin.call(command, ...args)
  const address = `redis://roomcast:${PASSWORD}@${HOST}:${redis.port}/2`
  const refusedOne = redisBroker(t, address)
  await eventually(() => refusedOne.fault() === undefined)
  await t.rejects(listenTo(refusedOne), { code: 'broker/unavailable' })

  const text = await readFile(pathOf('docs/operations.md'), 'utf8')
  const [, channels = ''] = /the channels are `(&\S+)`/.exec(text) ?? []
  await admin.call(command, ...args.map(rule => rule.startsWith('&') ? channels.replace('N', '2') : rule))
  const broker = await connected(redisBroker(t, address, {}, 'two'))
  const { until } = await listenTo(broker)
  t.match(await broker.publish(publication()), { offset: 1, instances: 1 })
  await until(1)
})

test('it may run every command of the scripts, and nothing outside its keys and channels', async t => {
  const redis = await startRedis(t)
  const admin = redis.client()
  const [command = '', ...args] = await aclLine()
  await admin.call(command, ...args)
  const granted = args.filter(rule => rule.startsWith('+')).map(rule => rule.slice(1))
  const used = Object.values(redisScripts).flatMap(({ lua }) => [...lua.matchAll(/redis\.p?call\('([A-Z]+)'/g)].map(([, name = '']) => name.toLowerCase()))
  t.ok(used.length > 10)
  t.strictSame([...new Set(used)].filter(name => !granted.includes(name)), [])

  const user = redis.client()
  await user.call('AUTH', 'roomcast', PASSWORD)
  for (const words of [['GET', 'other:key'], ['PUBLISH', 'other', 'x'], ['KEYS', '*'], ['FLUSHALL'], ['CONFIG', 'GET', '*'], ['CLIENT', 'LIST'], ['ACL', 'LIST']]) {
    const [name = '', ...rest] = words
    await t.rejects(user.call(name, ...rest), /NOPERM|No permissions/, words.join(' '))
  }
})
