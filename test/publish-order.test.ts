// The way of a publish through one instance: many of one turn go together, in their order, and each for itself.
import { test } from 'tap'
import { call, connect, eventually, follow, metric, publish, rawConnect, roomEvent, startInstance, startRedis, subscribe, token } from './helpers/index.ts'

const ROOM = { workspaceId: 'acme', appId: 'board-1' }
const META = 'roomcast:{acme/board-1}:meta'
const CHANNEL = 'roomcast:{acme/board-1}:updates'

async function start (t: Parameters<typeof startRedis>[0], env: Record<string, string> = {}) {
  const redis = await startRedis(t)
  const instance = await startInstance(t, { REDIS_URL: redis.url, ...env })
  await instance.ready()
  return { redis, instance }
}

test('fifty publishes in one write over one connection arrive in their order, also while Redis forgets its scripts', async t => {
  const { redis, instance } = await start(t)
  const follower = await follow(await connect(t, instance.url, { token: token() }), 'acme', 'board-1')
  const elsewhere = await connect(t, instance.url, { token: token({ sub: 'bob' }) })
  await subscribe(elsewhere, 'acme', 'board-2')
  elsewhere.on(roomEvent('acme', 'board-1'), () => t.fail('another room heard it'))
  const client = redis.client()
  const raw = await rawConnect(t, instance.port)
  for (let round = 0; round < 4; round++) {
    const requests = Array.from({ length: 50 }, (_, n) => {
      const body = JSON.stringify({ ...ROOM, event: 'N', payload: round * 50 + n })
      return `POST /api/v1/publish HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${token({ sub: 'svc' })}\r\nContent-Type: application/json\r\nContent-Length: ${body.length}\r\n\r\n${body}`
    })
    raw.send(requests.join(''))
    await client.script('FLUSH')
  }
  const updates = await follower.until(200)
  t.strictSame(updates.map(({ payload }) => payload), Array.from({ length: 200 }, (_, n) => n))
  await eventually(() => raw.received().match(/"duplicate":false/g)?.length === 200)
  t.strictSame([...raw.received().matchAll(/"offset":(\d+)/g)].map(([, offset]) => Number(offset)), Array.from({ length: 200 }, (_, n) => n + 1), 'answers come in the order of the requests')
})

test('a batch keeps its order over rooms and kinds; an id twice in it is one update; one that fails stops no other', async t => {
  const { redis, instance } = await start(t)
  const follower = await follow(await connect(t, instance.url, { token: token() }), 'acme', 'board-1')
  // Redis refuses whatever is written to this room.
  await redis.client().set('roomcast:{acme/broken}:meta', 'not a hash')
  const updates = [
    ...Array.from({ length: 20 }, (_, n) => ({ ...ROOM, event: 'N', payload: n })),
    { ...ROOM, event: 'N', payload: 'once', id: 'a' },
    { ...ROOM, appId: 'broken', event: 'N', payload: 1 },
    { ...ROOM, event: 'N', payload: 'cursor', ephemeral: true },
    { ...ROOM, event: 'N', payload: 'again', id: 'a' },
    { ...ROOM, event: 'N', payload: 'last' }
  ]
  const { body } = await call<{ results: Array<{ status: string, data: { offset: number | null, duplicate: boolean }, error: { code: string } }> }>(
    instance.url, 'POST', '/api/v1/publish/batch', { token: token(), body: { updates } })
  const { results } = body.data
  t.strictSame(results.map(({ data }) => data?.offset), [...Array.from({ length: 20 }, (_, n) => n + 1), 21, undefined, null, 21, 22])
  t.match(results[21], { status: 'ERROR', error: { code: 'broker/timeout' } })
  t.match(results[23], { data: { duplicate: true } })
  const heard = await follower.until(22)
  t.strictSame(heard.map(({ payload }) => payload), [...Array.from({ length: 20 }, (_, n) => n), 'once', 'cursor', 'last'])
})

test('garbage of every kind on the channel of a room reaches no browser, and is counted', async t => {
  const { redis, instance } = await start(t)
  const socket = await connect(t, instance.url, { token: token() })
  const follower = await follow(socket, 'acme', 'board-1')
  await publish(instance.url, { ...ROOM, event: 'N', payload: 0 })
  await follower.until(1)
  const client = redis.client()
  const epoch = await client.hget(META, 'epoch')
  const head = `{"v":1,"kind":"update","epoch":"${epoch}","offset":2,"publishedAt":1,"id":"x","event":"N",`
  const garbage = [
    '', ' ', 'null', '1', '[]', '{}', 'not json', '\u0000\uffff', '{"v":2,"kind":"update"}',
    // Each begins as a message does.
    head, `${head}"payload":`, `${head}"payload":1`, `${head}"payload":1,"userId":"ann"`, `${head}"payload":1,"userId":"ann"}}`,
    `${head}"payload":{"a":},"userId":"ann"}`, `${head}"payload":'1',"userId":"ann"}`, `${head}"payload":1,"userId":7}`, `${head}"payload":1}`, `${head}"userId":"ann"}`,
    `${head}"payload":1,"userId":"ann","offset":-1}`, `${head}"payload":1,"userId":"ann","kind":"other"}`, `${head}"payload":1,"userId":"ann","epoch":"a/b"}`,
    `${head}"payload":${'['.repeat(5000)}${']'.repeat(5000)},"userId":"ann"}`,
    head.replace('"update"', '"ephemeral"'), `${head.replace('"update"', '"ephemeral"')}"payload":1,"userId":""}`
  ]
  const seen: string[] = []
  socket.onAny((event: string) => seen.push(event))
  for (const text of garbage) await client.publish(CHANNEL, text)
  await publish(instance.url, { ...ROOM, event: 'N', payload: 'real' })
  t.match(await follower.until(2), [{ payload: 0 }, { payload: 'real', offset: 2 }])
  // Presence tells of the follower, sooner or later.
  t.strictSame(seen.filter(event => event !== 'presence'), [roomEvent('acme', 'board-1')])
  t.equal(await metric(instance.url, 'roomcast_messages_dropped_total', 'reason="garbage"'), garbage.length)
})

test('members see the fields of the contract and no other, whoever wrote the message', async t => {
  const { redis, instance } = await start(t)
  const follower = await follow(await connect(t, instance.url, { token: token() }), 'acme', 'board-1')
  const { body } = await publish(instance.url, { ...ROOM, event: 'N', payload: { deep: ['ü', '\u2028', '"'] } })
  const { epoch } = body.data
  const known = { event: 'N', payload: 2, userId: 'ann', id: 'b', epoch, publishedAt: 5 }
  const client = redis.client()
  // 0.1.0 writes this order, and behind it a trace; a newer one may write more.
  for (const message of [
    { v: 1, kind: 'update', epoch, offset: 2, publishedAt: 5, id: 'b', event: 'N', payload: 2, userId: 'ann', trace: '00-ab-cd-01' },
    { v: 1, kind: 'update', epoch, offset: 3, publishedAt: 5, id: 'b', event: 'N', payload: 2, userId: 'ann', more: { secret: 1 } },
    { offset: 4, ...known, kind: 'update', v: 1, workspaceId: 'other', appId: 'room' },
    { v: 1, kind: 'update', workspaceId: 'other', epoch, offset: 5, publishedAt: 5, id: 'b', event: 'N', payload: 2, userId: 'ann' },
    { v: 1, kind: 'ephemeral', epoch, publishedAt: 5, id: 'b', event: 'N', payload: 2, userId: 'ann' },
    { v: 1, kind: 'ephemeral', epoch, publishedAt: 5, id: 'b', event: 'N', payload: 2, userId: 'ann', offset: 9 }
  ]) await client.publish(CHANNEL, JSON.stringify(message))
  await eventually(() => follower.updates.length === 7)
  const [first, ...rest] = follower.updates
  t.match(first, { payload: { deep: ['ü', '\u2028', '"'] }, ...ROOM, epoch, offset: 1 })
  t.equal(Object.keys(first ?? {}).length, 9)
  t.strictSame(rest.map(update => ({ ...update })), [...[2, 3, 4, 5].map(offset => ({ ...known, ...ROOM, offset })), { ...known, ...ROOM }, { ...known, ...ROOM }])
})
