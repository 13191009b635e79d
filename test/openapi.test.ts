// The OpenAPI document is valid, complete, and what the running service does: every answer here is held against it.
import Fastify from 'fastify'
import swagger from '@fastify/swagger'
import { Validator } from '@seriousme/openapi-schema-validator'
import { test, type Test } from 'tap'
import app from '../app.ts'
import {
  call, eventually, faultsAgainst, freePort, HOST, rawToken, startInstance, startRedis, TEST_SECRET, token, type Call, type Documented
} from './helpers/index.ts'

interface Operation {
  operationId: string
  summary: string
  tags: string[]
  security: object[]
  parameters?: Array<{ name: string, schema: object, example: unknown }>
  requestBody?: { content: Record<string, { schema: object, example: unknown }> }
  responses: Record<string, { description: string, headers?: object, content: Record<string, { schema: object, example?: unknown, examples?: Record<string, { value: unknown }> }> }>
}

interface OpenApi extends Documented {
  openapi: string
  paths: Record<string, Record<string, Operation>>
}

const room = { workspaceId: 'acme', appId: 'board-1' }
const update = { ...room, event: 'CARD_MOVED', payload: { card: 17 } }

/** One call of each operation that succeeds: operationId → method, path, request. */
const calls: Record<string, [method: string, path: string, request: Call]> = {
  health: ['GET', '/api/v1/health/', {}],
  live: ['GET', '/livez', {}],
  ready: ['GET', '/readyz', {}],
  metrics: ['GET', '/metrics', {}],
  publish: ['POST', '/api/v1/publish', { body: update }],
  publishBatch: ['POST', '/api/v1/publish/batch', { body: { updates: [update, { ...update, event: 'not a name' }, { ...update, ephemeral: true }] } }],
  publishMany: ['POST', '/api/v1/publish/many', { body: { rooms: [room, { ...room, appId: 'not an id' }], event: 'NEWS', payload: 1 } }],
  changeApp: ['PUT', '/api/v1/apps/', { body: { ...room, displayName: 'Plans' } }],
  history: ['GET', '/api/v1/workspaces/acme/apps/board-1/history', {}],
  presence: ['GET', '/api/v1/workspaces/acme/apps/board-1/presence', {}],
  disconnect: ['POST', '/api/v1/sessions/disconnect', { body: { userId: 'bob' } }],
  unsubscribe: ['POST', '/api/v1/sessions/unsubscribe', { body: { userId: 'bob', ...room } }],
  revoke: ['POST', '/api/v1/tokens/revoke', { body: { jti: 'token-1' } }],
  rooms: ['GET', '/api/v1/rooms', {}],
  room: ['GET', '/api/v1/workspaces/acme/apps/board-1', {}],
  sessions: ['GET', '/api/v1/sessions?userId=ann', {}],
  instances: ['GET', '/api/v1/instances', {}],
  restore: ['POST', '/api/v1/tokens/restore', { body: { jti: 'token-1' } }]
}
const withoutToken = ['health', 'live', 'ready', 'metrics']
/** What is refused of them is in their results. */
const severalAtOnce = ['publishBatch', 'publishMany']
const questions = ['rooms', 'room', 'sessions', 'instances']
/** Without the broker too: what is refused is in the results, or the instance answers for itself. */
const answeredAlone = [...severalAtOnce, 'rooms', 'sessions', 'instances']
const withToken = Object.keys(calls).filter(id => !withoutToken.includes(id))
const withBody = withToken.filter(id => calls[id]?.[2].body !== undefined)

/** Calls operations of an instance, and holds each answer against the document. */
async function documented (t: Test, url: string) {
  const document = (await call(url, 'GET', '/openapi.json')).body as unknown as OpenApi
  const operations = new Map(Object.values(document.paths).flatMap(Object.values).map((operation: Operation) => [operation.operationId, operation]))
  const faults = faultsAgainst(document)

  async function answers (id: string, status: number, changed: Call & { path?: string } = {}, code?: string) {
    const [method, path, request] = calls[id] as [string, string, Call]
    const bearer = withoutToken.includes(id) || 'token' in changed ? {} : { token: token() }
    const reply = await call(url, method, changed.path ?? path, { ...request, ...bearer, ...changed })
    const label = `${id} answers ${status} ${code ?? ''}`
    t.equal(reply.status, status, label)
    if (code !== undefined) t.equal(reply.body.error?.code, code, label)
    const answer = operations.get(id)?.responses[reply.status]
    if (answer === undefined) return t.fail(`${id}: ${reply.status} is not documented`)
    const type = reply.headers.get('content-type')?.split(';')[0] ?? ''
    const media = answer.content[type]
    if (media === undefined) return t.fail(`${id}: ${reply.status} as ${type} is not documented`)
    t.strictSame(faults(media.schema, type === 'application/json' ? reply.body : reply.text), [], `${label}, as documented`)
    if (status === 429 || status === 503) t.match(reply.headers.get('retry-after'), /^\d+$/, `${label}, with Retry-After`)
  }
  return { document, operations, faults, answers }
}

test('the document is valid OpenAPI 3.1, complete, clean, and its examples are of their schemas', async t => {
  const instance = await startInstance(t)
  const { document, operations, faults } = await documented(t, instance.url)
  t.strictSame(await new Validator().validate(document as unknown as Record<string, unknown>), { valid: true })
  t.equal(document.openapi, '3.1.0')
  const text = JSON.stringify(document)
  t.notMatch(text, /"nullable"|\$id|Symbol|def-\d/)

  for (const { operationId, summary, tags, security, parameters = [], requestBody, responses } of operations.values()) {
    t.ok(summary && tags.length > 0, `${operationId} has summary and tags`)
    t.strictSame(security, withToken.includes(operationId) ? [{ bearer: [] }] : [], `${operationId} says whether it needs a token`)
    for (const { name, schema, example } of parameters) t.strictSame(faults(schema, example), [], `${operationId}: example of ${name}`)
    for (const { schema, example } of Object.values(requestBody?.content ?? {})) t.strictSame(faults(schema, example), [], `${operationId}: example of the body`)
    for (const [status, { content, description }] of Object.entries(responses)) {
      t.not(description, 'Default Response')
      for (const [type, { schema, example, examples = {} }] of Object.entries(content)) {
        const all = [...example === undefined ? [] : [example], ...Object.values(examples).map(({ value }) => value)]
        t.ok(all.length > 0 || type === 'text/plain', `${operationId} ${status} has an example`)
        for (const one of all) t.strictSame(faults(schema, one), [], `${operationId} ${status}: example`)
      }
    }
  }
})

test('every route of the service is in the document, and every operation of the document is a route', async t => {
  const server = Fastify()
  const routes: string[] = []
  const hidden: string[] = []
  server.addHook('onRoute', ({ method, url, schema }) => {
    for (const one of [method].flat().filter(one => one !== 'HEAD' && one !== 'OPTIONS')) {
      const place = `${one} ${url.replaceAll(/:(\w+)/g, '{$1}')}`
      if (schema?.hide === true) hidden.push(place)
      else if (!url.startsWith('/docs/')) routes.push(place)
    }
  })
  await server.register(app, { metrics: true, env: { NODE_ENV: 'test', JWT_SECRET: TEST_SECRET } })
  t.teardown(() => server.close())
  const { paths } = (await server.inject('/openapi.json')).json<OpenApi>()
  const places = Object.entries(paths).flatMap(([path, methods]) => Object.keys(methods).map(method => `${method.toUpperCase()} ${path}`))
  t.strictSame(places.sort(), routes.sort())
  t.strictSame(Object.values(paths).flatMap(Object.values).map(({ operationId }: Operation) => operationId).sort(), Object.keys(calls).sort(), 'and this test calls each')
  const twins = routes.filter(place => place.endsWith('/')).map(place => place.slice(0, -1))
  t.strictSame(hidden.filter(place => !place.includes('/docs')).sort(), [...twins, 'GET /asyncapi.json', 'GET /openapi.json'].sort(), 'what is hidden is a spelling, or a document')
})

test('every operation answers its success, and the errors of callers, as documented', async t => {
  const instance = await startInstance(t)
  await instance.ready()
  const { answers } = await documented(t, instance.url)
  for (const id of Object.keys(calls)) {
    await answers(id, 200)
    await answers(id, 403, { headers: { origin: 'https://evil.example' } }, 'auth/foreign-origin')
  }
  await call(instance.url, 'POST', '/api/v1/tokens/revoke', { token: token(), body: { jti: 'revoked' } })
  for (const id of withToken) {
    await answers(id, 401, { token: '' }, 'auth/missing-token')
    await answers(id, 401, { token: rawToken({ alg: 'none' }, { sub: 'eve' }) }, 'auth/invalid-token')
    await answers(id, 401, { token: token({ iat: 1, exp: 2 }) }, 'auth/token-expired')
    await answers(id, 401, { token: token({ jti: 'revoked' }) }, 'auth/token-revoked')
    await answers(id, 503, { token: token({ nbf: Math.floor(Date.now() / 1000) + 60 }) }, 'auth/token-not-yet-valid')
    if (!severalAtOnce.includes(id)) await answers(id, 403, { token: token({ capabilities: {} }) }, 'auth/forbidden')
  }
  for (const id of withBody) {
    await answers(id, 400, { body: {} }, 'request/invalid')
    await answers(id, 400, { body: '{' }, 'request/invalid')
    await answers(id, 400, { body: 'text', headers: { 'content-type': 'text/plain' } }, 'request/invalid')
    await answers(id, 413, { body: 'x'.repeat(1_100_000) }, 'publish/payload-too-large')
  }
  await answers('publish', 413, { body: { ...update, payload: 'x'.repeat(65_536) } }, 'publish/payload-too-large')
  await answers('publish', 200, { body: { ...update, ephemeral: true } })
  for (const id of severalAtOnce) await answers(id, 200, { token: token({ capabilities: {} }) })
  await answers('history', 400, { path: '/api/v1/workspaces/acme/apps/board-1/history?offset=1' }, 'request/invalid')
  await answers('history', 200, { path: '/api/v1/workspaces/acme/apps/board-1/history?epoch=e&offset=1&limit=5' })
  await answers('presence', 400, { path: '/api/v1/workspaces/acme/apps/a*b/presence' }, 'request/invalid')
})

test('limits, unavailable keys and an unavailable broker are answered as documented', async t => {
  const redis = await startRedis(t)
  const [limited, keyless, instance] = await Promise.all([
    startInstance(t, { PUBLISHES_PER_SECOND: '1', PUBLISH_BURST: '1', COMMANDS_PER_SECOND: '1', COMMAND_BURST: '1', QUESTIONS_PER_SECOND: '1', QUESTION_BURST: '1' }),
    startInstance(t, { JWT_SECRET: '', JWT_JWKS_URL: `http://${HOST}:${await freePort()}/jwks` }),
    startInstance(t, { REDIS_URL: redis.url, PUBLISH_TIMEOUT_MS: '300' })
  ])
  await instance.ready()
  const ofLimited = await documented(t, limited.url)
  await call(limited.url, 'POST', '/api/v1/publish', { token: token(), body: update })
  await ofLimited.answers('publish', 429, {}, 'limit/publish-rate')
  await ofLimited.answers('changeApp', 429, {}, 'limit/publish-rate')
  await call(limited.url, 'POST', '/api/v1/tokens/revoke', { token: token(), body: { jti: 'token-1' } })
  for (const id of ['disconnect', 'unsubscribe', 'revoke', 'restore']) await ofLimited.answers(id, 429, {}, 'limit/command-rate')
  await call(limited.url, 'GET', '/api/v1/instances', { token: token() })
  for (const id of questions) await ofLimited.answers(id, 429, {}, 'limit/question-rate')

  const ofKeyless = await documented(t, keyless.url)
  const unknown = rawToken({ alg: 'RS256', kid: 'k' }, { sub: 'ann', exp: Math.floor(Date.now() / 1000) + 60 }, 'signature')
  for (const id of withToken) await ofKeyless.answers(id, 503, { token: unknown }, 'auth/keys-unavailable')

  const { answers } = await documented(t, instance.url)
  redis.pause()
  await answers('publish', 503, {}, 'broker/timeout')
  redis.resume()
  await redis.stop()
  await eventually(async () => (await call(instance.url, 'GET', '/readyz')).status === 503, 10_000)
  await answers('ready', 503)
  for (const id of withToken.filter(id => !answeredAlone.includes(id))) await answers(id, 503, {}, 'broker/unavailable')
  for (const id of answeredAlone) await answers(id, 200)
})

test('a host with @fastify/swagger of its own keeps its document, also of a schema named like one of ours', async t => {
  const host = Fastify()
  await host.register(swagger, { openapi: { openapi: '3.1.0', info: { title: 'Host', version: '7' } } })
  await host.register(app, { env: { NODE_ENV: 'test', JWT_SECRET: TEST_SECRET } })
  host.addSchema({ $id: 'HostThing', type: 'object', properties: { a: { type: 'string' } } })
  host.get('/host', { schema: { response: { 200: { $ref: 'HostThing#' } } } }, async () => ({ a: 'b' }))
  await host.ready()
  t.teardown(() => host.close())

  const document = host.swagger() as unknown as { info: object, paths: OpenApi['paths'] }
  t.strictSame(document.info, { title: 'Host', version: '7' })
  t.ok(document.paths['/host'])
  t.strictSame(await new Validator().validate(document as unknown as Record<string, unknown>), { valid: true })
  const ours = (await host.inject('/openapi.json')).json<OpenApi>()
  t.notOk(ours.paths['/host'], 'and ours has only our routes')
  t.strictSame((await host.inject('/host')).json(), { a: 'b' })

  const bare = Fastify()
  bare.get('/openapi.json', async () => 'of the host')
  await bare.register(app, { documents: false, env: { NODE_ENV: 'test', JWT_SECRET: TEST_SECRET } })
  t.teardown(() => bare.close())
  t.equal((await bare.inject('/openapi.json')).body, 'of the host')
})

test('the pages are shown outside production only, the documents always', async t => {
  const [development, production] = await Promise.all([startInstance(t), startInstance(t, { NODE_ENV: 'production' })])
  for (const path of ['/docs/', '/docs/socket', '/docs/socket/', '/docs/static/swagger-ui.css']) {
    const page = await call(development.url, 'GET', path)
    t.equal(page.status, 200, path)
    t.match(page.headers.get('content-security-policy'), /^default-src 'none'/)
    t.notMatch(page.text, /https?:\/\/(?!127\.0\.0\.1|www\.w3\.org)[^\s"']*\.(js|css)["']/, 'and loads nothing from elsewhere')
    t.equal((await call(production.url, 'GET', path)).status, 404)
  }
  for (const path of ['/openapi.json', '/asyncapi.json']) t.equal((await call(production.url, 'GET', path)).status, 200)
})
