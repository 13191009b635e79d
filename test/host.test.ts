// Another Fastify server takes Roomcast in as a plugin, and keeps its own behaviour.
import fastifyJwt from '@fastify/jwt'
import Fastify from 'fastify'
import { test, type Test } from 'tap'
import roomcast from '../app.ts'
import type { Update } from '../services/wire/protocol.ts'
import { call, connect, eventually, HOST, nextEvent, publish, roomEvent, sessionsOf, subscribe, TEST_SECRET, token } from './helpers/index.ts'

async function host (t: Test) {
  const server = Fastify({ forceCloseConnections: true })
  t.teardown(() => server.close())
  server.setErrorHandler((error: Error, _request, reply) => { reply.code(418).send({ host: error.message }) })
  server.setNotFoundHandler((_request, reply) => { reply.code(404).send({ host: 'not here' }) })
  await server.register(fastifyJwt, { secret: 'the secret of the host, and of nobody else' })
  await server.register(roomcast, { env: { JWT_SECRET: TEST_SECRET } })
  server.get('/fails', async () => { throw new Error('as the host says it') })
  server.get('/whoami', async request => await request.jwtVerify())
  server.get<{ Querystring: { n: number } }>('/checked', { schema: { querystring: { type: 'object', properties: { n: { type: 'integer' } }, required: ['n'] } } }, async ({ query }) => ({ n: query.n }))
  server.get('/filtered', { schema: { response: { 200: { type: 'object', properties: { shown: { type: 'string' } } } } } }, async () => ({ shown: 'yes', hidden: 'no' }))
  const url = await server.listen({ host: HOST, port: 0 })
  await eventually(() => server.roomcast.commands.isCaughtUp())
  return { server, url }
}

test("the host's error handler, 404, schemas, tokens and headers stay its own", async t => {
  const { server, url } = await host(t)
  const fails = await call(url, 'GET', '/fails', { headers: { origin: 'https://elsewhere.example.com' } })
  t.strictSame([fails.status, fails.text], [418, '{"host":"as the host says it"}'])
  t.equal(fails.headers.get('access-control-allow-origin'), null)
  t.equal(fails.headers.get('content-security-policy'), null)
  t.equal((await call(url, 'GET', '/nothing')).text, '{"host":"not here"}')

  t.equal((await call(url, 'GET', '/checked?n=7')).text, '{"n":7}')
  t.equal((await call(url, 'GET', '/checked?n=x')).status, 418)
  t.equal((await call(url, 'GET', '/filtered')).text, '{"shown":"yes"}')

  const own = server.jwt.sign({ sub: 'of the host' })
  t.match(JSON.parse((await call(url, 'GET', '/whoami', { token: own })).text), { sub: 'of the host' })
  t.equal((await call(url, 'GET', '/whoami', { token: token() })).status, 418, 'a token of Roomcast is none of the host')
})

test("Roomcast's routes and sockets work inside it, in Roomcast's own words", async t => {
  const { server, url } = await host(t)
  const socket = await connect(t, url, { token: token() })
  t.equal((await subscribe(socket, 'acme', 'board-1')).status, 'SUCCESS')
  const heard = nextEvent<Update>(socket, roomEvent('acme', 'board-1'))
  t.equal((await publish(url, { workspaceId: 'acme', appId: 'board-1', event: 'MOVE', payload: 1 })).status, 200)
  t.match(await heard, { event: 'MOVE', payload: 1, offset: 1 })

  const own = server.jwt.sign({ sub: 'of the host', exp: Math.floor(Date.now() / 1000) + 60, capabilities: { '*/*': ['publish'] } })
  t.match(await call(url, 'POST', '/api/v1/publish', { token: own, body: {} }), { status: 401, body: { error: { code: 'auth/invalid-token' } } })
  const refused = await connect(t, url, { token: own }).catch((error: unknown) => error)
  t.match(refused, { data: { code: 'auth/invalid-token' } })
  t.match(await call(url, 'POST', '/api/v1/publish', { token: token(), body: {} }), { status: 400, body: { status: 'ERROR', error: { code: 'request/invalid' } } })
  t.match(await call(url, 'GET', '/api/v1/nothing'), { status: 404, body: { status: 'ERROR', error: { code: 'request/not-found' } } })
})

test('it closes with its host, sockets too', async t => {
  const { server, url } = await host(t)
  const socket = await connect(t, url, { token: token() })
  const gone = nextEvent(socket, 'disconnect')
  await server.close()
  await gone
  t.notOk(socket.connected)
})

test('a long-polling client that does not poll any more keeps nothing open', async t => {
  const { server, url } = await host(t)
  const endpoint = `${url}/socket.io/?EIO=4&transport=polling`
  const { sid } = JSON.parse((await call(endpoint, 'GET', '')).text.slice(1)) as { sid: string }
  const post = await fetch(`${endpoint}&sid=${sid}`, { method: 'POST', body: `40${JSON.stringify({ token: token() })}` })
  t.equal(post.status, 200)
  await eventually(() => server.roomcast.sessions.size === 1)
  const [session] = sessionsOf(server)
  await server.roomcast.commands.execute({ do: 'disconnect', target: { userId: 'ann' } })
  t.equal(server.roomcast.sessions.size, 0)
  await eventually(() => session?.socket.conn.readyState === 'closed', 2500)
})
