// fastify.roomcast: what the app around the service may do, and what it is told when it does it wrong.
import Fastify, { type FastifyInstance } from 'fastify'
import { test, type Test } from 'tap'
import roomcast, { RoomcastError } from '../app.ts'
import type { Update } from '../services/wire/protocol.ts'
import { call, connect, eventually, HOST, nextEvent, noEvent, pathOf, publish, roomEvent, startRedis, subscribe, TEST_SECRET, token, within } from './helpers/index.ts'
import { startChild } from './helpers/child.ts'

const UPDATE = { workspaceId: 'acme', appId: 'board-1', event: 'MOVE', payload: { x: 1 }, userId: 'ann' }

async function host (t: Test, env: Record<string, string> = {}): Promise<{ server: FastifyInstance, url: string }> {
  const server = Fastify({ forceCloseConnections: true })
  t.teardown(() => server.close())
  await server.register(roomcast, { env: { JWT_SECRET: TEST_SECRET, ...env } })
  const url = await server.listen({ host: HOST, port: 0 })
  await eventually(() => server.roomcast.commands.isCaughtUp())
  return { server, url }
}

/** As a host in JavaScript may call it. */
async function refusal (server: FastifyInstance, update: unknown): Promise<unknown> {
  return await server.roomcast.publisher.publish(update as typeof UPDATE).catch((error: unknown) => error)
}

test('the app publishes in the name of a user: members hear it, others do not, and the receipt is that of the HTTP route', async t => {
  const { server, url } = await host(t)
  const [member, stranger] = await Promise.all([connect(t, url, { token: token() }), connect(t, url, { token: token() })])
  await subscribe(member, 'acme', 'board-1')
  await subscribe(stranger, 'acme', 'board-2')
  const heard = nextEvent<Update>(member, roomEvent('acme', 'board-1'))
  await noEvent(stranger, roomEvent('acme', 'board-1'), async () => {
    const receipt = await server.roomcast.publisher.publish(UPDATE)
    t.match(receipt, { id: String, epoch: String, offset: 1, duplicate: false, instances: 1 })
    t.match(await heard, { ...UPDATE, id: receipt.id, offset: 1 })
  })
  const ephemeral = nextEvent<Update>(member, roomEvent('acme', 'board-1'))
  t.match(await server.roomcast.publisher.publish({ ...UPDATE, ephemeral: true }), { offset: null })
  t.notOk('offset' in await ephemeral)
})

test("an id of the app's publishes once, also under another userId, and never meets a caller's", async t => {
  const redis = await startRedis(t)
  for (const url of ['', redis.url]) {
    const { server, url: ours } = await host(t, { REDIS_URL: url })
    const first = await server.roomcast.publisher.publish({ ...UPDATE, id: 'order-7' })
    t.match(await server.roomcast.publisher.publish({ ...UPDATE, id: 'order-7', userId: 'bob' }), { ...first, duplicate: true })
    const { userId, ...update } = UPDATE
    t.match(await publish(ours, { ...update, id: 'order-7' }, token({ sub: userId })), { body: { data: { offset: 2, duplicate: false } } })
  }
})

test('wrong values of the app are refused with a typed error, and nothing is published', async t => {
  const { server } = await host(t, { MAX_PAYLOAD_BYTES: '100', MAX_PAYLOAD_DEPTH: '4' })
  const loop: Record<string, unknown> = {}
  loop['self'] = loop
  const { userId: _userId, ...withoutUser } = UPDATE
  const wrong: Array<[unknown, RegExp]> = [
    [undefined, /The request/], [null, /The request/], ['text', /The request/], [[], /The request/], [{}, /workspaceId/],
    [{ ...UPDATE, workspaceId: 'a/b' }, /workspaceId/], [{ ...UPDATE, appId: ['board-1'] }, /appId/], [{ ...UPDATE, appId: '*' }, /appId/],
    [{ ...UPDATE, event: 'with spaces' }, /event/], [{ ...UPDATE, id: 'with spaces' }, /id/], [{ ...UPDATE, ephemeral: 'yes' }, /ephemeral/],
    [withoutUser, /userId/], [{ ...UPDATE, userId: '' }, /userId/],
    [{ ...UPDATE, payload: undefined }, /payload/], [{ ...UPDATE, payload: () => 1 }, /payload/], [{ ...UPDATE, payload: 1n }, /payload/],
    [{ ...UPDATE, payload: loop }, /payload/], [{ ...UPDATE, payload: [[[[[1]]]]] }, /payload/]
  ]
  for (const [update, place] of wrong) {
    const error = await refusal(server, update)
    t.ok(error instanceof RoomcastError)
    t.match(error, { code: 'request/invalid', status: 400, retryable: false, message: place })
  }
  t.match(await refusal(server, { ...UPDATE, payload: 'x'.repeat(100) }), { code: 'publish/payload-too-large', status: 413, retryable: false })
  t.match(await server.roomcast.publisher.publish({ ...UPDATE, payload: null }), { offset: 1 })
})

test('the payload is what JSON says of it at the time of the call', async t => {
  const { server, url } = await host(t)
  const payload = { at: new Date(0), gone: undefined, list: [1, undefined], text: 'before' }
  const published = server.roomcast.publisher.publish({ ...UPDATE, payload })
  payload.text = 'after'
  await published
  const { body } = await call<{ updates: Update[] }>(url, 'GET', '/api/v1/workspaces/acme/apps/board-1/history', { token: token() })
  t.strictSame(body.data?.updates[0]?.payload, { at: '1970-01-01T00:00:00.000Z', list: [1, null], text: 'before' })
})

test('without Redis the app is told that nothing was published, or that nobody knows', async t => {
  const redis = await startRedis(t)
  const { server } = await host(t, { REDIS_URL: redis.url })
  redis.pause()
  t.match(await refusal(server, UPDATE), { code: 'broker/timeout', status: 503, retryable: true })
  redis.resume()
  await redis.stop()
  await eventually(async () => (await refusal(server, UPDATE) as RoomcastError).code === 'broker/unavailable')
})

test('the app is not held to the rate of a token', async t => {
  const { server } = await host(t, { PUBLISHES_PER_SECOND: '1', PUBLISH_BURST: '1' })
  const receipts = await Promise.all(Array.from({ length: 20 }, async () => await server.roomcast.publisher.publish(UPDATE)))
  t.equal(receipts.length, 20)
})

test('the app sees who is there, ends access, and is told what it asked wrong', async t => {
  const { server, url } = await host(t)
  const { presence, commands, sessions, readiness, metrics } = server.roomcast
  const ann = await connect(t, url, { token: token({ sub: 'ann' }) })
  const bob = await connect(t, url, { token: token({ sub: 'bob' }) })
  await subscribe(ann, 'acme', 'board-1')
  t.match(await presence.list({ workspaceId: 'acme', appId: 'board-1' }), { count: 1, collaborators: [{ userId: 'ann' }] })
  await t.rejects(presence.list({ workspaceId: 'acme', appId: '*' }), { code: 'request/invalid', message: /appId/ })
  t.equal(sessions.size, 2)
  t.match(sessions.ofUser('ann').map(session => [session.id, session.identity().sub, session.rooms()]), [[ann.id, 'ann', ['acme/board-1']]])

  const gone = nextEvent(ann, 'disconnect')
  t.strictSame(await commands.execute({ do: 'disconnect', target: { userId: 'ann' } }), { sockets: 1, complete: true })
  await gone
  t.ok(bob.connected)
  for (const wrong of [{ do: 'dismiss', target: {} }, { do: 'revoke', target: { userId: 'bob', issuedBefore: Math.floor(Date.now() / 1000) } }, { do: 'revoke', target: { jti: 'a', userId: 'bob', issuedBefore: Date.now() } }]) {
    await t.rejects(commands.execute(wrong as never), { code: 'request/invalid' })
  }
  await eventually(() => readiness.faults().length === 0)
  t.match(await metrics.registry.metrics(), 'roomcast_sockets 1')
})

test('a draining app is not ready, moves its clients away, and closes with nobody left', async t => {
  const { server, url } = await host(t, { DRAIN_DELAY_SECONDS: '0', DRAIN_SECONDS: '1' })
  const socket = await connect(t, url, { token: token(), reconnection: false })
  const gone = nextEvent(socket, 'disconnect')
  const drained = server.roomcast.drain()
  t.equal(server.roomcast.drain(), drained, 'once')
  t.strictSame(server.roomcast.readiness.faults(), ['draining'])
  await drained
  await gone
  t.equal(server.roomcast.sessions.size, 0)
  t.match(await server.roomcast.publisher.publish(UPDATE), { offset: 1 }, 'it still publishes')
})

test('a host in TypeScript compiles with it, also one with decorators under names that Roomcast uses inside', async t => {
  const child = await startChild(t, process.execPath, [pathOf('node_modules/typescript/bin/tsc'), '-p', pathOf('test/host-types')])
  const { code } = await within(60_000, 'tsc', child.exited)
  t.equal(code, 0, child.output())
})

test('the host answers what its hooks refuse on our routes; we answer what we refuse', async t => {
  const server = Fastify({ forceCloseConnections: true })
  t.teardown(() => server.close())
  server.setErrorHandler((error: Error, _request, reply) => { reply.code(418).send({ host: error.message }) })
  await server.register(roomcast, { env: { JWT_SECRET: TEST_SECRET } })
  server.addHook('onRequest', async ({ headers }) => {
    if (headers['x-refuse'] !== undefined) throw Object.assign(new Error('no session'), { statusCode: 401, code: 'HOST_NO_SESSION' })
  })
  const url = await server.listen({ host: HOST, port: 0 })
  const refused = await call(url, 'GET', '/api/v1/health/', { headers: { 'x-refuse': 'yes' } })
  t.strictSame([refused.status, refused.text], [418, '{"host":"no session"}'])
  t.match(await call(url, 'POST', '/api/v1/publish', { body: {} }), { status: 401, body: { error: { code: 'auth/missing-token' } } })
})
