// Rooms and reads have limits: a code, a metric, and nobody else notices.
import t, { test } from 'tap'
import {
  call, connect, eventually, follow, limitHits, metric, nextEvent, publish, startInstance, startRedis, subscribe, token, unsubscribe, upTo
} from '../helpers/index.ts'
import type { Update } from '../../services/wire/protocol.ts'

const redis = await startRedis(t)
const [{ url }, embedded] = await Promise.all([
  startInstance(t, { REDIS_URL: redis.url, MAX_ROOMS: '5', ROOM_LINGER_MS: '60000', READS_PER_SECOND: '1', READ_BURST: '20' }),
  startInstance(t)
])
await eventually(async () => (await fetch(`${url}/readyz`)).ok)

interface Page { epoch: string, offset: number, recovered: boolean, updates: Update[] }

const read = (url: string, appId: string, what: 'history' | 'presence', bearer: string) =>
  call<Page>(url, 'GET', `/api/v1/workspaces/acme/apps/${appId}/${what}`, { token: bearer })

test('MAX_ROOMS: one room more is refused; those within it go on, and an empty room that is kept warm makes room', async t => {
  const socket = await connect(t, url, { token: token({ sub: 'rooms' }) })
  const other = await connect(t, url, { token: token({ sub: 'other' }) })
  const followers = await Promise.all(upTo(5).map(i => follow(socket, 'acme', `room-${i}`)))
  const refused = await subscribe(other, 'acme', 'room-6')
  t.match(refused, { status: 'ERROR', error: { code: 'limit/rooms-per-instance', retryable: true } })
  t.equal(await limitHits(url, 'rooms-per-instance'), 1)
  t.equal((await subscribe(other, 'acme', 'room-5')).status, 'SUCCESS', 'a room that is open is none more')
  await publish(url, { workspaceId: 'acme', appId: 'room-5', event: 'N', payload: 1 })
  await followers[4]?.until(1)

  await unsubscribe(socket, 'acme', 'room-1')
  t.equal((await subscribe(other, 'acme', 'room-6')).status, 'SUCCESS', 'instead of the empty one')
  t.equal((await subscribe(other, 'acme', 'room-1')).error?.code, 'limit/rooms-per-instance')
  t.equal(await metric(url, 'roomcast_rooms'), 6, 'five rooms, and the commands')
})

test('MAX_ROOMS: a flood of joins at once does not get past it', async t => {
  const socket = await connect(t, url, { token: token({ sub: 'flood' }) })
  const answers = await Promise.all(upTo(50).map(i => subscribe(socket, 'flood', `room-${i}`)))
  t.ok(answers.filter(({ status }) => status === 'SUCCESS').length <= 5)
  t.ok(await metric(url, 'roomcast_rooms') <= 6)
})

test('READS_PER_SECOND: too many reads with one token are answered 429, those with another token are not', async t => {
  const greedy = token({ sub: 'greedy' })
  const answers = await Promise.all(upTo(30).map(i => read(url, 'board', i % 2 === 0 ? 'history' : 'presence', greedy)))
  const refused = answers.filter(({ status }) => status === 429)
  t.ok(refused.length > 0 && refused.length <= 10, `${refused.length} of 30 were refused`)
  for (const { body, headers } of refused) {
    t.match(body.error, { code: 'limit/read-rate', retryable: true })
    t.ok(headers.get('retry-after'))
  }
  t.equal(await limitHits(url, 'read-rate'), refused.length)
  t.equal((await read(url, 'board', 'history', token({ sub: 'modest' }))).status, 200)
})

test('names that a reader makes up leave keys that live minutes; from what was told one can subscribe', async t => {
  const reader = token({ sub: 'reader' })
  const { body } = await read(url, 'made-up-1', 'history', reader)
  for (const i of upTo(9)) await read(url, `made-up-${i + 1}`, 'presence', reader)
  for (const i of upTo(9)) await read(url, `made-up-${i + 1}`, 'history', reader)
  const client = redis.client()
  const keys = await client.keys('*made-up*')
  t.equal(keys.length, 10)
  const lives = await Promise.all(keys.map(key => client.ttl(key)))
  t.ok(lives.every(seconds => seconds > 60 && seconds <= 300), `they live ${Math.max(...lives)} s`)

  const { epoch, offset } = body.data
  const elsewhere = await startInstance(t, { REDIS_URL: redis.url })
  await elsewhere.ready()
  const socket = await connect(t, elsewhere.url, { token: token({ sub: 'subscriber' }) })
  await publish(url, { workspaceId: 'acme', appId: 'made-up-1', event: 'N', payload: 1 })
  const missed = nextEvent<Update>(socket, 'workspace_acme_app_made-up-1')
  t.match((await subscribe(socket, 'acme', 'made-up-1', { epoch, offset })).data, { epoch, recovered: true, missed: 1 })
  t.match(await missed, { epoch, offset: 1 })
})

test('FEEDS_MAX_BYTES: recent updates of quiet rooms are let go; who comes back to one gets all of them from Redis', async t => {
  const small = await startInstance(t, { REDIS_URL: redis.url, FEEDS_MAX_BYTES: '2000000' })
  await small.ready()
  const socket = await connect(t, small.url, { token: token({ sub: 'many-rooms' }) })
  const followers = await Promise.all(upTo(20).map(i => follow(socket, 'quiet', `room-${i}`)))
  for (const i of upTo(20)) {
    for (const n of upTo(5)) await publish(small.url, { workspaceId: 'quiet', appId: `room-${i}`, event: 'N', payload: `${n} ${'x'.repeat(60_000)}` })
    await followers[i - 1]?.until(5)
    t.ok(await metric(small.url, 'roomcast_feed_bytes') <= 2_000_000, `after ${i} rooms of 300 kB`)
  }
  t.ok(await limitHits(small.url, 'feed-bytes') > 0)
  const reads = await metric(small.url, 'roomcast_history_reads_total')
  for (const [i, from] of [[1, 'Redis'], [20, 'memory']] as const) {
    const { epoch } = followers[i - 1]?.position() ?? { epoch: '' }
    const late = await follow(await connect(t, small.url, { token: token({ sub: 'late' }) }), 'quiet', `room-${i}`, { epoch, offset: 0 })
    t.equal((await late.until(5)).length, 5, `all of room ${i}, from ${from}`)
  }
  t.equal(await metric(small.url, 'roomcast_history_reads_total') - reads, 1)
})

test('the embedded broker: what a reader was told holds when it subscribes', async t => {
  const { body } = await read(embedded.url, 'made-up', 'history', token({ sub: 'reader' }))
  const socket = await connect(t, embedded.url, { token: token({ sub: 'subscriber' }) })
  await publish(embedded.url, { workspaceId: 'acme', appId: 'made-up', event: 'N', payload: 1 })
  t.match((await subscribe(socket, 'acme', 'made-up', body.data)).data, { epoch: body.data.epoch, recovered: true, missed: 1 })
})
