// The `publish` event: the same receipt, order and refusals as over HTTP, the identity from the token, and ephemeral updates.
import type { Socket } from 'socket.io-client'
import { test } from 'tap'
import type { ApplicationResponse, Receipt, Result, Update } from '../services/wire/protocol.ts'
import { call, cluster, connect, eventually, follow, nextEvent, noEvent, publish, roomEvent, startInstance, startRedis, subscribe, token } from './helpers/index.ts'

const room = { workspaceId: 'acme', appId: 'board-1' }
const EVENT = roomEvent(room.workspaceId, room.appId)

async function send (socket: Socket, update: object): Promise<Result<Receipt>> {
  return await socket.timeout(10_000).emitWithAck('publish', { ...room, event: 'N', payload: null, ...update })
}

test('the receipt is the same as over HTTP, for a first publish and for a repeat; the publisher gets its own update once', async t => {
  const redis = await startRedis(t)
  const [a, b] = await cluster(t, 2, { REDIS_URL: redis.url })
  await Promise.all([a.ready(), b.ready()])
  const [ann, bob] = await Promise.all([connect(t, a.url, { token: token({ sub: 'ann' }) }), connect(t, b.url, { token: token({ sub: 'bob' }) })])
  const [annLog, bobLog] = [await follow(ann, 'acme', 'board-1'), await follow(bob, 'acme', 'board-1')]

  const first = await send(ann, { payload: 1, id: 'mine' })
  t.match(first, { status: 'SUCCESS', error: null, data: { id: 'mine', offset: 1, duplicate: false, instances: 2 } })
  const overHttp = await publish(b.url, { ...room, event: 'N', payload: 1, id: 'mine' }, token({ sub: 'ann' }))
  t.strictSame(overHttp.body.data, { ...first.data, duplicate: true })
  t.strictSame(await send(ann, { payload: 1, id: 'mine' }), { status: 'SUCCESS', error: null, data: { ...first.data, duplicate: true } })
  const another = await send(bob, { payload: 2, id: 'mine' })
  t.match(another.data, { offset: 2, duplicate: false }, "another user's id is another id")

  for (const log of [annLog, bobLog]) {
    await log.until(2)
    t.strictSame(log.updates.map(({ payload, userId, offset }) => [payload, userId, offset]), [[1, 'ann', 1], [2, 'bob', 2]])
  }
})

test('userId is that of the token, whatever the update or its payload claims', async t => {
  const instance = await startInstance(t)
  await instance.ready()
  const ann = await connect(t, instance.url, { token: token({ sub: 'ann' }) })
  await subscribe(ann, 'acme', 'board-1')
  const heard = nextEvent<Update>(ann, EVENT)
  await send(ann, { payload: { userId: 'bob' }, userId: 'bob' })
  t.match(await heard, { userId: 'ann', payload: { userId: 'bob' } })
})

test('publishes of one socket in one turn keep their order, on every instance', async t => {
  const redis = await startRedis(t)
  const [a, b] = await cluster(t, 2, { REDIS_URL: redis.url })
  await Promise.all([a.ready(), b.ready()])
  const ann = await connect(t, a.url, { token: token({ sub: 'ann' }) })
  const log = await follow(await connect(t, b.url, { token: token({ sub: 'bob' }) }), 'acme', 'board-1')
  const numbers = Array.from({ length: 100 }, (_, i) => i)
  const receipts = await Promise.all(numbers.map(n => send(ann, { payload: n })))
  t.strictSame(receipts.map(({ data }) => data?.offset), numbers.map(n => n + 1))
  t.strictSame((await log.until(100)).map(({ payload }) => payload), numbers)
})

test('refusals come through the callback; without one, as application_response, and a success then stays silent', async t => {
  const instance = await startInstance(t, { MAX_PAYLOAD_BYTES: '1000' })
  await instance.ready()
  const ann = await connect(t, instance.url, { token: token({ sub: 'ann', capabilities: { 'acme/board-1': ['publish'], 'acme/board-2': ['subscribe'] } }) })
  const witness = await connect(t, instance.url, { token: token({ sub: 'eve' }) })
  for (const appId of ['board-1', 'board-2']) await subscribe(witness, 'acme', appId)
  await noEvent(witness, roomEvent('acme', 'board-2'), async () => {
    await noEvent(ann, 'application_response', async () => {
      const refusals: Array<[object, string]> = [
        [{ appId: 'board-2' }, 'auth/forbidden'],
        [{ payload: 'x'.repeat(1001) }, 'publish/payload-too-large'],
        [{ event: 'no spaces' }, 'request/invalid'],
        [{ id: '' }, 'request/invalid'],
        [{ workspaceId: 'a/b' }, 'request/invalid']
      ]
      for (const [update, code] of refusals) t.match(await send(ann, update), { status: 'ERROR', data: null, error: { code, retryable: false } }, code)
    })
    const response = nextEvent<ApplicationResponse>(ann, 'application_response')
    ann.emit('publish', { ...room, appId: 'board-2', event: 'N', payload: 1 })
    t.match(await response, { event: 'PUBLISH', payload: { workspaceId: 'acme', appId: 'board-2' }, status: 'ERROR', error: { code: 'auth/forbidden' } })
    const invalid = nextEvent<ApplicationResponse>(ann, 'application_response')
    ann.emit('publish', { ...room, workspaceId: '<b>', event: 'N', payload: 1 })
    t.strictSame((await invalid).payload, { appId: 'board-1' }, 'an id that fails the check is not echoed')
  })
  await noEvent(ann, 'application_response', async () => {
    const heard = nextEvent<Update>(witness, EVENT)
    ann.emit('publish', { ...room, event: 'N', payload: 'quiet' })
    t.match(await heard, { payload: 'quiet', offset: 1 })
    await send(ann, { payload: 'barrier' })
  })
})

test('an ephemeral update has no offset, moves nothing, and is not there for who comes later', async t => {
  const instance = await startInstance(t)
  await instance.ready()
  const [ann, bob] = [await connect(t, instance.url, { token: token({ sub: 'ann' }) }), await connect(t, instance.url, { token: token({ sub: 'bob' }) })]
  const log = await follow(bob, 'acme', 'board-1')
  const { data } = await send(ann, { payload: 'kept' })
  const receipt = await send(ann, { payload: 'cursor', ephemeral: true })
  t.match(receipt.data, { offset: null, duplicate: false, instances: 1 })
  await log.until(({ payload }) => payload === 'cursor')
  t.notOk(Object.hasOwn(log.updates.at(-1) as Update, 'offset'))
  t.equal(log.position().offset, 1)
  const late = await follow(ann, 'acme', 'board-1', { epoch: data?.epoch as string, offset: 0 })
  await send(bob, { payload: 'barrier' })
  await late.until(2)
  t.strictSame(late.updates.map(({ payload }) => payload), ['kept', 'barrier'])
})

test('500 ephemeral updates in one turn, 250 kB together, all reach a healthy socket, in order', async t => {
  const instance = await startInstance(t, { EVENT_BURST: '1000' })
  await instance.ready()
  const [ann, bob] = [await connect(t, instance.url, { token: token({ sub: 'ann' }) }), await connect(t, instance.url, { token: token({ sub: 'bob' }) })]
  const log = await follow(bob, 'acme', 'board-1')
  const eve = await connect(t, instance.url, { token: token({ sub: 'eve' }) })
  await subscribe(eve, 'acme', 'board-2')
  await noEvent(eve, EVENT, async () => {
    const payload = 'x'.repeat(400)
    const receipts = await Promise.all(Array.from({ length: 500 }, (_, n) => send(ann, { event: `N${n}`, payload, ephemeral: true })))
    t.ok(receipts.every(({ status }) => status === 'SUCCESS'))
    await log.until(() => log.updates.length === 500)
    t.strictSame(log.updates.map(({ event }) => event), receipts.map((_, n) => `N${n}`))
    await subscribe(eve, 'acme', 'barrier')
  })
})

test('a socket that lags is left out of ephemeral updates, its neighbour is not, and it gets all the others', async t => {
  const instance = await startInstance(t, { STALL_TIMEOUT_MS: '60000' })
  await instance.ready()
  const [healthy, lagging] = [
    await connect(t, instance.url, { token: token({ sub: 'ann' }) }),
    await connect(t, instance.url, { token: token({ sub: 'bob' }), transports: ['websocket'] })
  ]
  const [log, late] = [await follow(healthy, 'acme', 'board-1'), await follow(lagging, 'acme', 'board-1')]
  const { ws } = lagging.io.engine.transport as unknown as { ws: { pause: () => void, resume: () => void } }
  ws.pause()
  const payload = 'x'.repeat(60_000)
  let published = 0
  await eventually(async () => {
    for (let i = 0; i < 10; i++) await publish(instance.url, { ...room, event: 'N', payload })
    published += 10
    await publish(instance.url, { ...room, event: 'PROBE', payload: published, ephemeral: true })
    return (await call(instance.url, 'GET', '/metrics')).text.match(/messages_dropped_total\{reason="lagging socket"\} [1-9]/) !== null
  }, 30_000)
  await publish(instance.url, { ...room, event: 'CURSOR', payload: 1, ephemeral: true })
  await log.until(({ event }) => event === 'CURSOR')
  ws.resume()
  await late.until(published, 20_000)
  // The neighbour's cursor came before this one; whoever was left out of it does not get it later.
  await publish(instance.url, { ...room, event: 'N', payload: 'barrier' })
  await late.until(published + 1)
  t.notOk(late.updates.some(({ event }) => event === 'CURSOR'))
  t.equal(late.updates.filter(({ offset }) => offset !== undefined).length, published + 1)
  t.strictSame(late.faults, [])
})
