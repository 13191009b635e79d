// The life of a token on a live connection: told ahead, renewed in band, over on time, and so with room tokens.
import t, { test, type Test } from 'tap'
import type { Socket } from 'socket.io-client'
import type { SubscribeResult, Update } from '../../services/wire/protocol.ts'
import {
  connect, eventually, nextEvent, noEvent, nowInSeconds, publish, roomEvent, startClock, startInstance, startRedis, subscribe, token, unsubscribe, type Answer
} from '../helpers/index.ts'

const redis = await startRedis(t)
const service = await startInstance(t, { REDIS_URL: redis.url, TOKEN_EXPIRING_SECONDS: '2' })
await service.ready()

const EVENT = roomEvent('acme', 'board-1')
const room = { workspaceId: 'acme', appId: 'board-1' }

async function authenticate (socket: Socket, fresh: unknown): Promise<Answer<{ expiresAt: number }>> {
  return await socket.timeout(10_000).emitWithAck('authenticate', { token: fresh })
}

/** Publishes until told to stop; resolves with when a socket got its last update. */
function stream (t: Test, socket: Socket): { lastAt: () => number } {
  const clock = startClock(t)
  const startedAt = Date.now()
  let lastAt = 0
  let isOver = false
  socket.on(EVENT, () => { lastAt = startedAt + clock.now() })
  t.teardown(() => { isOver = true })
  const next = async (): Promise<void> => {
    while (!isOver) await publish(service.url, { ...room, event: 'N', payload: 1 })
  }
  next().catch((error: Error) => t.fail(error.message))
  return { lastAt: () => lastAt }
}

test('token_expiring comes ahead, closing with the code at the end, and no update later than 1 s after it', async t => {
  const exp = nowInSeconds() + 4
  const socket = await connect(t, service.url, { token: token({ exp }), reconnection: true })
  const other = await connect(t, service.url, { token: token({ sub: 'bob' }) })
  await subscribe(socket, 'acme', 'board-1')
  await subscribe(other, 'acme', 'board-1')
  const { lastAt } = stream(t, socket)
  const expiring = await nextEvent(socket, 'token_expiring')
  t.strictSame(expiring, { expiresAt: exp * 1000 })
  t.ok(Date.now() < exp * 1000, 'ahead of the end')
  const ended = new Promise<string>(resolve => socket.once('disconnect', resolve))
  t.match(await nextEvent(socket, 'closing', undefined, 10_000), { code: 'auth/token-expired', reconnect: false })
  t.equal(await ended, 'io server disconnect')
  t.ok(Date.now() >= exp * 1000)
  // The neighbour is served on; by its updates we know that time has passed.
  await eventually(() => Date.now() > exp * 1000 + 1500)
  await nextEvent(other, EVENT)
  t.ok(lastAt() > 0 && lastAt() <= exp * 1000 + 1000, 'last update at most 1 s after exp')
  t.notOk(socket.connected, 'a stock client does not come back by itself')
})

test('authenticate renews in band: the connection outlives the first token', async t => {
  const exp = nowInSeconds() + 3
  const socket = await connect(t, service.url, { token: token({ exp }) })
  await subscribe(socket, 'acme', 'board-1')
  const later = nowInSeconds() + 600
  t.strictSame((await authenticate(socket, token({ exp: later }))).data, { expiresAt: later * 1000 })
  await eventually(() => Date.now() > exp * 1000 + 1200)
  const heard = nextEvent(socket, EVENT)
  await publish(service.url, { ...room, event: 'N', payload: 1 })
  await heard
  t.ok(socket.connected)
})

test("authenticate refuses another user's token, a broken and an expired one, and changes nothing then", async t => {
  const socket = await connect(t, service.url, { token: token({ capabilities: { 'acme/*': ['subscribe'] } }) })
  await subscribe(socket, 'acme', 'board-1')
  t.equal((await authenticate(socket, token({ sub: 'bob' }))).error?.code, 'auth/forbidden')
  t.equal((await authenticate(socket, token({}, { key: 'another secret, of more than 32 characters' }))).error?.code, 'auth/invalid-token')
  t.equal((await authenticate(socket, token({ exp: 1 }))).error?.code, 'auth/token-expired')
  t.equal((await subscribe(socket, 'other', 'x')).error?.code, 'auth/forbidden')
  const heard = nextEvent(socket, EVENT)
  await publish(service.url, { ...room, event: 'N', payload: 1 })
  await heard
})

test('new capabilities count at once: rooms no longer allowed are left with unsubscribed, others stay', async t => {
  const socket = await connect(t, service.url, { token: token() })
  await subscribe(socket, 'acme', 'board-1')
  await subscribe(socket, 'acme', 'board-2')
  const left = nextEvent(socket, 'unsubscribed')
  await authenticate(socket, token({ capabilities: { 'acme/board-2': ['subscribe'], 'acme/board-3': ['subscribe'] } }))
  t.match(await left, { ...room, code: 'auth/forbidden' })
  const heard = nextEvent<Update>(socket, roomEvent('acme', 'board-2'))
  await noEvent(socket, EVENT, async () => {
    await publish(service.url, { ...room, event: 'N', payload: 1 })
    await publish(service.url, { workspaceId: 'acme', appId: 'board-2', event: 'N', payload: 2 })
    await heard
  })
  t.equal((await subscribe(socket, 'acme', 'board-3')).status, 'SUCCESS')
  const published = await socket.emitWithAck('publish', { workspaceId: 'acme', appId: 'board-2', event: 'N', payload: 1 }) as Answer<null>
  t.equal(published.error?.code, 'auth/forbidden')
})

test('recovery checks again, like any SUBSCRIBE', async t => {
  const first = await connect(t, service.url, { token: token() })
  const { data } = await subscribe(first, 'acme', 'board-1')
  const since = { epoch: data.epoch, offset: data.offset }
  first.close()
  await publish(service.url, { ...room, event: 'SECRET', payload: 1 })
  const back = await connect(t, service.url, { token: token({ capabilities: { 'acme/other': ['subscribe'] } }) })
  await noEvent(back, EVENT, async () => {
    t.equal((await subscribe(back, 'acme', 'board-1', since)).error?.code, 'auth/forbidden')
    await subscribe(back, 'acme', 'other')
  })
  const allowed = await connect(t, service.url, { token: token() })
  t.match((await subscribe(allowed, 'acme', 'board-1', since)).data, { recovered: true, missed: 1 })
})

test('a room token adds for that room and that user until its end, then the room is left', async t => {
  const limited = () => token({ capabilities: { 'acme/board-2': ['subscribe'] } })
  const socket = await connect(t, service.url, { token: limited() })
  const exp = nowInSeconds() + 4
  const roomToken = token({ exp, capabilities: { '*/*': ['subscribe', 'publish'] } })
  t.equal((await subscribe(socket, 'acme', 'board-1')).error?.code, 'auth/forbidden')
  t.equal((await subscribe(socket, 'acme', 'board-1', undefined, roomToken)).status, 'SUCCESS')
  t.equal((await subscribe(socket, 'acme', 'board-3')).error?.code, 'auth/forbidden', 'for this room only')
  const other = await connect(t, service.url, { token: limited() })
  t.equal((await subscribe(other, 'acme', 'board-1')).error?.code, 'auth/forbidden', 'for this socket only')
  const published = await socket.emitWithAck('publish', { ...room, event: 'N', payload: 1 }) as Answer<null>
  t.equal(published.status, 'SUCCESS')
  const { lastAt } = stream(t, socket)
  t.strictSame(await nextEvent(socket, 'token_expiring'), { ...room, expiresAt: exp * 1000 })
  t.match(await nextEvent(socket, 'unsubscribed'), { ...room, code: 'auth/token-expired' })
  await eventually(() => Date.now() > exp * 1000 + 1200)
  t.equal((await subscribe(socket, 'acme', 'board-2')).status, 'SUCCESS', 'the connection stays')
  t.ok(lastAt() > 0 && lastAt() <= exp * 1000 + 1000)
})

test('a room whose room token ends is kept where the token of the connection allows it', async t => {
  const socket = await connect(t, service.url, { token: token() })
  const exp = nowInSeconds() + 2
  await subscribe(socket, 'acme', 'board-1', undefined, token({ exp }))
  await noEvent(socket, 'unsubscribed', async () => {
    await eventually(() => Date.now() > exp * 1000 + 500)
    const heard = nextEvent(socket, EVENT)
    await publish(service.url, { ...room, event: 'N', payload: 1 })
    await heard
  })
})

test('a room token ends with UNSUBSCRIBE, and with a SUBSCRIBE that was refused', async t => {
  const socket = await connect(t, service.url, { token: token({ capabilities: {} }) })
  await subscribe(socket, 'acme', 'board-1', undefined, token())
  await unsubscribe(socket, 'acme', 'board-1')
  t.equal((await subscribe(socket, 'acme', 'board-1')).error?.code, 'auth/forbidden')
  t.equal((await subscribe(socket, 'acme', 'board-1', undefined, token({ capabilities: { '*/*': ['publish'] } }))).error?.code, 'auth/forbidden')
  const published = await socket.emitWithAck('publish', { ...room, event: 'N', payload: 1 }) as Answer<null>
  t.equal(published.error?.code, 'auth/forbidden')
})

test("another user's room token is refused, and adds nothing", async t => {
  const socket = await connect(t, service.url, { token: token({ capabilities: {} }) })
  t.equal((await subscribe(socket, 'acme', 'board-1', undefined, token({ sub: 'bob' }))).error?.code, 'auth/forbidden')
  t.equal((await subscribe(socket, 'acme', 'board-1')).error?.code, 'auth/forbidden')
  t.equal((await subscribe(socket, 'acme', 'board-1', undefined, 'x')).error?.code, 'auth/invalid-token')
})

test('a token that ends while history is read lets nobody in', async t => {
  const far = await connect(t, service.url, { token: token() })
  const { data } = await subscribe(far, 'acme', 'slow')
  for (let i = 0; i < 3; i++) await publish(service.url, { workspaceId: 'acme', appId: 'slow', event: 'N', payload: 'x'.repeat(60_000) })
  const tight = await startInstance(t, { REDIS_URL: redis.url, FEED_TAIL_BYTES: '0' })
  await tight.ready()
  const socket = await connect(t, tight.url, { token: token() })
  await subscribe(socket, 'acme', 'barrier')
  await subscribe(socket, 'acme', 'slow')
  await unsubscribe(socket, 'acme', 'slow')
  await noEvent(socket, roomEvent('acme', 'slow'), async () => {
    redis.pause()
    const joining = socket.timeout(10_000).emitWithAck('application', {
      event: 'SUBSCRIBE', payload: { workspaceId: 'acme', appId: 'slow', since: { epoch: data.epoch, offset: data.offset } }
    }) as Promise<Answer<SubscribeResult>>
    await authenticate(socket, token({ capabilities: { 'acme/barrier': ['subscribe'] } }))
    redis.resume()
    t.equal((await joining).error?.code, 'auth/forbidden')
    await subscribe(socket, 'acme', 'barrier')
  })
})
