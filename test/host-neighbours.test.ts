// Beside the plugins that a host is likely to have, whichever comes first: both work, and the host stays as it was.
import { randomUUID } from 'node:crypto'
import cors from '@fastify/cors'
import env from '@fastify/env'
import helmet from '@fastify/helmet'
import jwt from '@fastify/jwt'
import rateLimit from '@fastify/rate-limit'
import redis from '@fastify/redis'
import swagger from '@fastify/swagger'
import Fastify, { type FastifyInstance } from 'fastify'
import metrics from 'fastify-metrics'
import fastifySocketIO from 'fastify-socket.io'
import type { Server } from 'socket.io'
import { test, type Test } from 'tap'
import roomcast from '../app.ts'
import type { Update } from '../services/wire/protocol.ts'
import { call, connect, eventually, HOST, nextEvent, noEvent, publish, roomEvent, startRedis, subscribe, TEST_SECRET, token } from './helpers/index.ts'

interface Neighbour {
  register (host: FastifyInstance): Promise<unknown>
  /** That it works, seen from outside. */
  works (t: Test, host: FastifyInstance, url: string): Promise<void>
}

const PAGE = 'https://page.example.com'
const FOREIGN = 'https://elsewhere.example.com'

const ENV = { JWT_SECRET: TEST_SECRET, CORS_ORIGINS: PAGE, NODE_ENV: 'test' }
const ours = async (host: FastifyInstance) => await host.register(roomcast, { env: ENV })

/** The types of the plugins describe one host that has them all; here each has its own. */
const inside = <T> (host: FastifyInstance, name: string) => (host as unknown as Record<string, T>)[name] as T

const neighbours: Record<string, Neighbour> = {
  '@fastify/env': {
    register: async host => await host.register(env, { confKey: 'settings', data: { GREETING: 'hello' }, schema: { type: 'object', properties: { GREETING: { type: 'string' } } } }),
    async works (t, host) { t.strictSame(inside(host, 'settings'), { GREETING: 'hello' }) }
  },
  '@fastify/env under another name': {
    register: async host => await host.register(env, { confKey: 'config', data: {}, schema: { type: 'object', properties: { PORT: { default: 7 } } } }),
    async works (t, host) { t.match(inside(host, 'config'), { PORT: 7 }) }
  },
  '@fastify/jwt': {
    register: async host => await host.register(jwt, { secret: 'the secret of the host, and of nobody else' }),
    async works (t, host, url) {
      const own = host.jwt.sign({ sub: 'of the host', exp: Math.floor(Date.now() / 1000) + 60, capabilities: { '*/*': ['publish'] } })
      t.match(host.jwt.verify(own), { sub: 'of the host' })
      t.strictSame(Object.keys(host.jwt).filter(name => name.startsWith('roomcast')), [])
      t.match(await call(url, 'POST', '/api/v1/publish', { token: own, body: {} }), { status: 401, body: { error: { code: 'auth/invalid-token' } } })
      t.match(await connect(t, url, { token: own }).catch((error: unknown) => error), { data: { code: 'auth/invalid-token' } })
    }
  },
  '@fastify/cors': {
    register: async host => await host.register(cors, { origin: FOREIGN, methods: ['DELETE'] }),
    async works (t, _host, url) {
      const asked = { 'access-control-request-method': 'DELETE', 'access-control-request-headers': 'x-of-host' }
      const ofHost = await call(url, 'OPTIONS', '/of-host', { headers: { origin: FOREIGN, ...asked } })
      t.strictSame([ofHost.status, ofHost.headers.get('access-control-allow-origin'), ofHost.headers.get('access-control-allow-methods')], [204, FOREIGN, 'DELETE'])
      t.equal((await call(url, 'GET', '/of-host', { headers: { origin: FOREIGN } })).headers.get('access-control-allow-origin'), FOREIGN)
    }
  },
  '@fastify/helmet': {
    register: async host => await host.register(helmet, { contentSecurityPolicy: { directives: { defaultSrc: ['of-host'] } } }),
    async works (t, _host, url) {
      t.match((await call(url, 'GET', '/of-host')).headers.get('content-security-policy'), 'default-src of-host')
    }
  },
  '@fastify/swagger': {
    register: async host => await host.register(swagger, { openapi: { info: { title: 'Host', version: '7' } } }),
    async works (t, host) {
      t.match(host.swagger(), { info: { title: 'Host', version: '7' }, paths: { '/of-host': Object } })
    }
  },
  '@fastify/rate-limit': {
    register: async host => await host.register(rateLimit, { max: 1000 }),
    async works (t, _host, url) {
      const codes: number[] = []
      for (let i = 0; i < 4; i++) codes.push((await call(url, 'GET', '/limited')).status)
      t.strictSame(codes, [200, 200, 200, 418], 'and the refusal comes in the words of the host')
    }
  },
  'fastify-metrics': {
    register: async host => await host.register(metrics.default, { endpoint: '/metrics', clearRegisterOnInit: true }),
    async works (t, _host, url) {
      const { text } = await call(url, 'GET', '/metrics')
      t.match(text, 'http_request_duration_seconds')
      t.notMatch(text, 'roomcast_')
    }
  },
  'a metrics decorator of the host': {
    async register (host) { inside<(name: string, value: unknown) => void>(host, 'decorate').call(host, 'metrics', 'of the host') },
    async works (t, host) { t.equal(inside(host, 'metrics'), 'of the host') }
  },
  'decorators of the host that cannot be assigned': {
    async register (host) {
      for (const name of ['broker', 'commands', 'jwt', 'metrics', 'redis', 'sessions', 'settings']) {
        host.decorate(name as string, { getter: () => `${name} of the host` })
      }
    },
    async works (t, host) {
      for (const name of ['broker', 'jwt', 'redis', 'metrics']) t.equal(inside(host, name), `${name} of the host`)
    }
  },
  'decorated requests and replies': {
    async register (host) {
      host.decorateRequest('identity', 'of the host').decorateRequest('user' as string, null).decorateRequest('corsPreflightEnabled', false)
      host.decorateReply('helmet' as string, null)
      host.get('/identity', async request => ({ is: (request as unknown as { identity: string }).identity }))
    },
    async works (t, _host, url) { t.equal((await call(url, 'GET', '/identity')).text, '{"is":"of the host"}') }
  },
  'a JSON parser, serializer and validator of its own': {
    async register (host) {
      host.removeContentTypeParser('application/json')
      host.addContentTypeParser('application/json', { parseAs: 'buffer' }, (_request, body, done) => { done(null, { raw: body.toString() }) })
      host.setReplySerializer(payload => JSON.stringify(payload).replaceAll('status', 'of-host'))
      host.setValidatorCompiler(() => () => ({ error: new Error('nothing is valid') }))
      host.post('/echo', async request => request.body)
    },
    async works (t, _host, url) { t.equal((await call(url, 'POST', '/echo', { body: { status: 1 } })).text, '{"raw":"{\\"of-host\\":1}"}') }
  },
  'Socket.IO of its own': {
    register: async host => await host.register(fastifySocketIO as never, { path: '/of-host/' } as never),
    async works (t, host, url) {
      inside<Server>(host, 'io').on('connection', socket => socket.on('ask', answer => answer('hello of the host')))
      for (const transports of [['websocket'], ['polling']]) {
        const socket = await connect(t, url, { path: '/of-host/', transports })
        t.equal(await socket.timeout(5000).emitWithAck('ask'), 'hello of the host')
        socket.disconnect()
      }
    }
  }
}

async function start (t: Test, registrations: Array<(host: FastifyInstance) => Promise<unknown>>): Promise<{ host: FastifyInstance, url: string }> {
  const host = Fastify({ forceCloseConnections: true, routerOptions: { ignoreTrailingSlash: true } })
  t.teardown(() => host.close())
  host.setErrorHandler((error: Error, _request, reply) => { reply.code(418).send({ host: error.message }) })
  host.setNotFoundHandler((_request, reply) => { reply.code(404).send({ host: 'not here' }) })
  for (const register of registrations) await register(host)
  host.get('/of-host', async () => ({ of: 'the host' }))
  host.get('/limited', { config: { rateLimit: { max: 3 } } }, async () => 'ok')
  host.get('/fails', async () => { throw new Error('as the host says it') })
  const url = await host.listen({ host: HOST, port: 0 })
  return { host, url }
}

async function roomcastWorks (t: Test, host: FastifyInstance, url: string): Promise<void> {
  await eventually(() => host.roomcast.commands.isCaughtUp())
  const socket = await connect(t, url, { token: token() })
  const stranger = await connect(t, url, { token: token() })
  t.equal((await subscribe(socket, 'acme', 'board-1')).status, 'SUCCESS')
  t.equal((await subscribe(stranger, 'acme', 'board-2')).status, 'SUCCESS')
  const heard = nextEvent<Update>(socket, roomEvent('acme', 'board-1'))
  await noEvent(stranger, roomEvent('acme', 'board-1'), async () => {
    t.match(await publish(url, { workspaceId: 'acme', appId: 'board-1', event: 'MOVE', payload: 1 }), { status: 200, body: { status: 'SUCCESS' } })
    t.match(await heard, { event: 'MOVE', payload: 1, offset: 1 })
  })
  t.match(await call(url, 'POST', '/api/v1/publish', { token: token(), body: {} }), { status: 400, body: { error: { code: 'request/invalid' } } })
  t.match(await call(url, 'PUT', '/api/v1/apps', { token: token(), body: { workspaceId: 'acme', appId: 'board-1', displayName: 'Plans' } }), { status: 200 })
  t.match(await call(url, 'GET', '/api/v1/nothing'), { status: 404, body: { error: { code: 'request/not-found' } } })
  t.match(await call(url, 'GET', '/api/v1/health'), { status: 200, body: { data: { health: 'ok' } } })

  const fromPage = await call(url, 'POST', '/api/v1/publish', { token: token(), body: { workspaceId: 'acme', appId: 'board-1', event: 'MOVE', payload: 2 }, headers: { origin: PAGE } })
  t.strictSame([fromPage.status, fromPage.headers.get('access-control-allow-origin'), fromPage.headers.get('access-control-allow-credentials')], [200, PAGE, 'true'])
  t.match(fromPage.headers.get('content-security-policy'), /^default-src 'none';/)
  const asked = { 'access-control-request-method': 'PUT', 'access-control-request-headers': 'authorization,content-type' }
  const preflight = await call(url, 'OPTIONS', '/api/v1/publish', { headers: { origin: PAGE, ...asked } })
  t.strictSame([preflight.status, preflight.headers.get('access-control-allow-origin'), preflight.headers.get('access-control-allow-headers')], [204, PAGE, 'authorization,content-type'])
  t.match(preflight.headers.get('access-control-allow-methods'), /PUT/)
  for (const method of ['POST', 'OPTIONS']) {
    t.match(await call(url, method, '/api/v1/publish', { headers: { origin: FOREIGN } }), { status: 403, body: { error: { code: 'auth/foreign-origin' } } })
  }
}

/** Whatever it registered: its error handler, its 404 and its hooks are as without us, and nothing of ours is on it. */
async function hostIsItself (t: Test, host: FastifyInstance, url: string): Promise<void> {
  const ofHost = await call(url, 'GET', '/of-host', { headers: { origin: FOREIGN } })
  t.strictSame([ofHost.status, ofHost.text], [200, '{"of":"the host"}'])
  t.strictSame(await call(url, 'GET', '/fails').then(({ status, text }) => [status, text]), [418, '{"host":"as the host says it"}'])
  t.strictSame(await call(url, 'GET', '/nothing').then(({ status, text }) => [status, text]), [404, '{"host":"not here"}'])
  t.ok(host.hasDecorator('roomcast'))
}

for (const [name, neighbour] of Object.entries(neighbours)) {
  for (const order of ['before', 'after']) {
    test(`${name}, registered ${order} Roomcast: both work`, async t => {
      const { host, url } = await start(t, order === 'before' ? [neighbour.register, ours] : [ours, neighbour.register])
      await roomcastWorks(t, host, url)
      await neighbour.works(t, host, url)
      await hostIsItself(t, host, url)
    })
  }
}

test('@fastify/redis before and after Roomcast: the host keeps its client, and gets none of ours', async t => {
  const { url: redisUrl } = await startRedis(t)
  const own = async (host: FastifyInstance) => await host.register(redis, { url: redisUrl })
  const oursWithRedis = async (host: FastifyInstance) => await host.register(roomcast, { env: { ...ENV, REDIS_URL: redisUrl, REDIS_PREFIX: randomUUID() } })
  for (const order of [[own, oursWithRedis], [oursWithRedis, own]]) {
    const { host, url } = await start(t, order)
    await roomcastWorks(t, host, url)
    t.equal(await host.redis.ping(), 'PONG')
    t.notOk('commands' in host.redis || 'subscriber' in host.redis)
    await hostIsItself(t, host, url)
    await host.close()
  }
  const named = async (host: FastifyInstance) => await host.register(redis, { url: redisUrl, namespace: 'commands' })
  for (const order of [[named, oursWithRedis], [oursWithRedis, named]]) {
    const { host, url } = await start(t, order)
    await roomcastWorks(t, host, url)
    t.strictSame(Object.keys(host.redis), ['commands'])
    await host.close()
  }
})
