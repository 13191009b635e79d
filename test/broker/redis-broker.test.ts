// What only Redis can do to a broker: names and lifetimes of keys, databases, forgotten scripts, garbage on a channel.
import { test } from 'tap'
import { connected, counted, eventually, historyOf, listenTo, publication, redisBroker, startRedis } from '../helpers/index.ts'

const META = 'roomcast:{acme/board-1}:meta'
const LOG = 'roomcast:{acme/board-1}:log'

test('keys and channels have the names of the design, and their lifetimes', async t => {
  const redis = await startRedis(t)
  const broker = await connected(redisBroker(t, redis.url))
  const client = redis.client()
  await listenTo(broker)
  const { epoch } = await broker.publish(publication({ sub: 'svc-a', callerId: 'id-1' }))
  await broker.publish(publication())
  await broker.updatePresence('acme/board-1', { joined: [{ socketId: 's', person: { userId: 'ann', displayName: 'Ann', photoURL: null, color: '#abcdef' } }], left: [] })
  t.strictSame((await client.keys('*')).sort(), [
    'roomcast:{acme/board-1}:id:svc-a:id-1', LOG, META, 'roomcast:{acme/board-1}:presence'
  ])
  t.strictSame(await client.pubsub('CHANNELS'), ['roomcast:{acme/board-1}:updates'])
  const runId = /run_id:(\w+)/.exec(await client.info('server'))?.[1]
  t.strictSame({ ...await client.hgetall(META) }, { epoch, offset: '2', run: runId })
  t.strictSame((await client.xrange(LOG, '-', '+')).map(([id]) => id), ['1-0', '2-0'])
  const lives = async (key: string, seconds: number) => {
    const ttl = await client.ttl(key)
    t.ok(ttl > seconds - 5 && ttl <= seconds, `${key} lives ${ttl} s`)
  }
  await lives(META, 2_592_000)
  await lives(LOG, 600)
  await lives('roomcast:{acme/board-1}:id:svc-a:id-1', 600)
  await lives('roomcast:{acme/board-1}:presence', 3600)
})

test('a room lives for as long as what is known of it is worth: minutes, until something is published', async t => {
  const redis = await startRedis(t)
  const broker = await connected(redisBroker(t, redis.url))
  const client = redis.client()
  const assertLives = async (what: string, least: number, most: number) => {
    const ttl = await client.ttl(META)
    t.ok(ttl > least && ttl <= most, `${what} it lives ${ttl} s`)
  }
  await historyOf(broker)
  await assertLives('when somebody has only asked', 295, 300)
  await broker.publishEphemeral(publication())
  await assertLives('and an ephemeral update changes nothing:', 295, 300)
  await broker.touch(['acme/board-1'])
  await assertLives('when it has a member', 1195, 1200)
  await historyOf(broker)
  await broker.positions(['acme/board-1'])
  await assertLives('and reading shortens nothing:', 1195, 1200)
  await broker.publish(publication())
  await assertLives('when something was published', 2_591_900, 2_592_000)
  await client.expire(META, 2000)
  await broker.positions(['acme/board-1'])
  await historyOf(broker)
  await assertLives('plain reads renew nothing:', 1990, 2000)
  await broker.touch(['acme/board-1'])
  await assertLives('and a touch does:', 2_591_900, 2_592_000)
  await client.del(META)
  await broker.publishEphemeral(publication())
  await assertLives('made by an ephemeral update', 1195, 1200)
})

test('plain positions run no script and write nothing; a room that another Redis process wrote last is left to the script', async t => {
  const redis = await startRedis(t)
  const broker = await connected(redisBroker(t, redis.url))
  const client = redis.client()
  const rooms = Array.from({ length: 300 }, (_, i) => `acme/board-${i}`)
  const touched = await broker.touch(rooms)
  const calls = async (command: string) => Number(new RegExp(`cmdstat_${command}:calls=(\\d+)`).exec(await client.info('commandstats'))?.[1] ?? 0)
  await client.config('RESETSTAT')
  t.strictSame(await broker.positions(rooms), touched)
  t.strictSame([await calls('hmget'), await calls('evalsha'), await calls('expire')], [300, 0, 0])

  await client.hset(META, 'run', 'another')
  await client.del('roomcast:{acme/board-2}:meta')
  await client.hdel('roomcast:{acme/board-3}:meta', 'offset')
  await client.set('roomcast:{acme/board-4}:meta', 'not a hash', 'EX', 1)
  const found = await broker.positions(rooms)
  t.equal(await calls('evalsha'), 3)
  for (const i of [1, 2, 3]) {
    t.not(found[i]?.epoch, touched[i]?.epoch)
    t.equal(found[i]?.offset, 0)
  }
  t.equal(found[4], undefined, 'one that cannot be read hides no other')
  t.strictSame(found.slice(5), touched.slice(5))
  t.equal(await client.hget(META, 'run'), /run_id:(\w+)/.exec(await client.info('server'))?.[1])
})

test('another prefix is another world', async t => {
  const redis = await startRedis(t)
  const ours = await connected(redisBroker(t, redis.url))
  const theirs = await connected(redisBroker(t, redis.url, { REDIS_PREFIX: 'other' }))
  const { messages } = await listenTo(theirs)
  const mine = await listenTo(ours)
  await ours.publish(publication({ callerId: 'a' }))
  t.match(await theirs.publish(publication({ callerId: 'a' })), { offset: 1, duplicate: false })
  await mine.until(1)
  await eventually(() => messages.length === 1)
})

test('instances share rooms, ids and presence, and forget a silent one', async t => {
  const redis = await startRedis(t)
  const one = await connected(redisBroker(t, redis.url))
  const two = await connected(redisBroker(t, redis.url, {}, 'two'))
  const heard = await listenTo(two)
  const first = await one.publish(publication({ callerId: 'a' }))
  t.equal(first.instances, 1)
  t.strictSame(await two.publish(publication({ callerId: 'a' })), { ...first, duplicate: true })
  t.match(await heard.until(1), [{ offset: 1, epoch: first.epoch }])
  const entry = { socketId: 's', person: { userId: 'ann', displayName: 'Ann', photoURL: null, color: '#abcdef' } }
  await one.updatePresence('acme/board-1', { joined: [entry], left: [] })
  t.strictSame(await two.presence('acme/board-1'), [{ instance: 'one', entry }])
  await two.forgetPresence('acme/board-1', 'one', ['s'])
  t.strictSame(await one.presence('acme/board-1'), [])
})

for (const [how, env] of [['1', {}], ['1 behind a prefix', { REDIS_PREFIX: 'app/roomcast' }]] as const) {
  test(`databases 0 and ${how} of one Redis are two worlds, on pub/sub too`, async t => {
    const redis = await startRedis(t)
    const ours = await connected(redisBroker(t, `${redis.url}/0`, env))
    const theirs = await connected(redisBroker(t, `${redis.url}/1`, env, 'two'))
    const [here, there] = [await listenTo(ours), await listenTo(theirs)]
    const entry = { socketId: 's', person: { userId: 'ann', displayName: 'Ann', photoURL: null, color: '#abcdef' }, state: null }
    t.match(await ours.publish(publication({ callerId: 'a' })), { offset: 1, instances: 1 })
    t.match(await ours.publishEphemeral(publication()), { instances: 1 })
    await ours.updatePresence('acme/board-1', { joined: [entry], left: [] })
    t.match(await theirs.publish(publication({ callerId: 'a', event: 'THEIRS' })), { offset: 1, duplicate: false, instances: 1 })
    await here.until(3)
    await there.until(1)
    t.strictSame(here.messages.map(({ kind }) => kind), ['update', 'ephemeral', 'presence'])
    t.match(there.messages, [{ kind: 'update', event: 'THEIRS' }])
    const prefix = Object.values(env)[0] ?? 'roomcast'
    t.strictSame((await redis.client().pubsub('CHANNELS') as string[]).sort(), [`${prefix}/1:{acme/board-1}:updates`, `${prefix}:{acme/board-1}:updates`])
  })
}

test('publishes keep their order when Redis forgets its scripts between them', async t => {
  const redis = await startRedis(t)
  const broker = await connected(redisBroker(t, redis.url))
  const { until } = await listenTo(broker)
  await broker.publish(publication({ payload: 0 }))
  const publishing: Array<Promise<unknown>> = []
  for (let n = 1; n <= 200; n++) {
    publishing.push(broker.publish(publication({ payload: n })))
    if (n % 20 === 10) publishing.push(broker.commands.script('FLUSH'))
    // Some while answers come in, some in one turn.
    if (n % 20 > 12) await new Promise(resolve => setImmediate(resolve))
  }
  await Promise.all(publishing)
  const messages = await until(201)
  t.strictSame(messages.map(message => message.kind === 'update' && message.payload), Array.from({ length: 201 }, (_, n) => n))
})

test('garbage on the channel is dropped and counted; the next update arrives', async t => {
  const redis = await startRedis(t)
  const broker = await connected(redisBroker(t, redis.url))
  const { until, messages } = await listenTo(broker)
  const garbage = ['', 'not json', '{"v":1}', 'null', '[]', '\u0000\uffff', '{"v":2,"kind":"update"}']
  for (const text of garbage) await redis.client().publish('roomcast:{acme/board-1}:updates', text)
  await broker.publish(publication())
  await until(1)
  t.equal(messages.length, 1)
  t.match(await counted(broker.metrics.dropped), [{ value: garbage.length, labels: { reason: 'garbage' } }])
})
