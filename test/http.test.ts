// HTTP: the answers of every route.
import { test } from 'tap'
import type { HistoryPage, Receipt } from '../services/wire/protocol.ts'
import { ask, build, buildReady, freePort, HOST, token, type Claims } from './helpers/index.ts'

const ROOM = { workspaceId: 'acme', appId: 'board-1' }
const UPDATE = { ...ROOM, event: 'MOVE', payload: { x: 1 } }
const HISTORY = '/api/v1/workspaces/acme/apps/board-1/history'
const PRESENCE = '/api/v1/workspaces/acme/apps/board-1/presence'
const as = (claims: Claims) => ({ authorization: `Bearer ${token(claims)}` })

test('PUT /apps/, with and without the last slash, publishes UPDATE_APP', async t => {
  const server = await buildReady(t)
  for (const url of ['/api/v1/apps/', '/api/v1/apps']) {
    const answer = await ask(server, 'PUT', url, { ...ROOM, displayName: `Plans ${url}` })
    t.equal(answer.status, 200)
    t.strictSame(answer.body, { status: 'SUCCESS', data: { displayName: `Plans ${url}`, ...ROOM }, error: null })
  }
  const { body } = await ask<HistoryPage>(server, 'GET', HISTORY)
  t.match(body.data.updates, [
    { event: 'UPDATE_APP', payload: { id: 'board-1', displayName: 'Plans /api/v1/apps/', workspaceID: 'acme' }, userId: 'svc', offset: 1 },
    { event: 'UPDATE_APP', offset: 2 }
  ])
})

test('PUT /apps/ with an Idempotency-Key publishes once', async t => {
  const server = await buildReady(t)
  const put = async () => (await ask(server, 'PUT', '/api/v1/apps/', { ...ROOM, displayName: 'Plans' }, { 'idempotency-key': 'k' })).status
  t.strictSame([await put(), await put()], [200, 200])
  t.equal((await ask<HistoryPage>(server, 'GET', HISTORY)).body.data.offset, 1)
})

test('POST /publish answers the receipt, and the first one when repeated', async t => {
  const server = await buildReady(t)
  const first = await ask<Receipt>(server, 'POST', '/api/v1/publish', { ...UPDATE, id: 'a' })
  t.equal(first.status, 200)
  t.match(first.body, { status: 'SUCCESS', data: { id: 'a', epoch: /^[\w-]+$/, offset: 1, duplicate: false, instances: 0 }, error: null })
  for (const [body, headers] of [[{ ...UPDATE, id: 'a' }, {}], [UPDATE, { 'idempotency-key': 'a' }], [{ ...UPDATE, id: 'a' }, { 'idempotency-key': 'a' }]] as const) {
    const repeat = await ask<Receipt>(server, 'POST', '/api/v1/publish', body, headers)
    t.strictSame(repeat.body.data, { ...first.body.data, duplicate: true })
  }
  const other = await ask<Receipt>(server, 'POST', '/api/v1/publish', { ...UPDATE, id: 'a' }, as({ sub: 'svc-2' }))
  t.match(other.body.data, { offset: 2, duplicate: false })
  const differ = await ask(server, 'POST', '/api/v1/publish', { ...UPDATE, id: 'a' }, { 'idempotency-key': 'b' })
  t.equal(differ.status, 400)
  t.equal(differ.body.error?.code, 'request/invalid')
})

test('an ephemeral update has no offset and no place in history', async t => {
  const server = await buildReady(t)
  const { body } = await ask<Receipt>(server, 'POST', '/api/v1/publish', { ...UPDATE, ephemeral: true })
  t.match(body.data, { id: String, offset: null, duplicate: false })
  t.match((await ask(server, 'GET', HISTORY)).body.data, { offset: 0, updates: [] })
})

test('userId counts only with manage on the room; else the sub stands, also one in the payload', async t => {
  const server = await buildReady(t)
  const update = { ...UPDATE, userId: 'ann', payload: { userId: 'ann' } }
  await ask(server, 'POST', '/api/v1/publish', update, as({ sub: 'svc-m', capabilities: { 'acme/*': ['publish', 'manage'] } }))
  await ask(server, 'POST', '/api/v1/publish', update, as({ sub: 'svc-p', capabilities: { '*/*': ['publish'], 'acme/board-2': ['manage'] } }))
  const { body } = await ask<HistoryPage>(server, 'GET', HISTORY)
  t.strictSame(body.data.updates.map(({ userId }) => userId), ['ann', 'svc-p'])
})

test('an Idempotency-Key on a batch is refused, unless nginx made it of the request id', async t => {
  const server = await buildReady(t)
  const batch = { updates: [UPDATE] }
  t.match(await ask(server, 'POST', '/api/v1/publish/batch', batch, { 'idempotency-key': 'k' }), { status: 400, body: { error: { code: 'request/invalid' } } })
  t.equal((await ask(server, 'POST', '/api/v1/publish/batch', batch, { 'idempotency-key': 'k', 'x-request-id': 'r' })).status, 400)
  t.equal((await ask<HistoryPage>(server, 'GET', HISTORY)).body.data.offset, 0)
  t.equal((await ask(server, 'POST', '/api/v1/publish/batch', batch, { 'idempotency-key': 'r', 'x-request-id': 'r' })).status, 200)
  t.equal((await ask(server, 'POST', '/api/v1/publish/batch', batch, { 'x-request-id': 'r' })).status, 200)
  t.equal((await ask<HistoryPage>(server, 'GET', HISTORY)).body.data.offset, 2)
})

test('a batch answers in order, and a bad update fails alone', async t => {
  const server = await buildReady(t, { MAX_BATCH: '6', MAX_PAYLOAD_BYTES: '100' })
  const { status, body } = await ask<{ results: unknown[] }>(server, 'POST', '/api/v1/publish/batch', {
    updates: [UPDATE, { ...UPDATE, event: 'not an event' }, { ...UPDATE, payload: 'x'.repeat(200) }, { ...UPDATE, workspaceId: 'other' }, null, { ...UPDATE, id: 'z' }]
  }, as({ capabilities: { 'acme/*': ['publish'] } }))
  t.equal(status, 200)
  t.match(body.data.results, [
    { status: 'SUCCESS', data: { offset: 1 }, error: null },
    { status: 'ERROR', data: null, error: { code: 'request/invalid' } },
    { status: 'ERROR', error: { code: 'publish/payload-too-large' } },
    { status: 'ERROR', error: { code: 'auth/forbidden' } },
    { status: 'ERROR', error: { code: 'request/invalid' } },
    { status: 'SUCCESS', data: { id: 'z', offset: 2 }, error: null }
  ])
  t.equal(body.data.results.length, 6)
  for (const bad of [{ updates: [] }, { updates: Array(7).fill(UPDATE) }, { updates: UPDATE }, {}, [], null, 'text']) {
    const answer = await ask(server, 'POST', '/api/v1/publish/batch', JSON.stringify(bad))
    t.equal(answer.status, 400, JSON.stringify(bad).slice(0, 40))
    t.equal(answer.body.error?.code, 'request/invalid')
  }
  t.equal((await ask(server, 'POST', '/api/v1/publish/batch', { updates: ['x'.repeat(1_048_576)] })).status, 413)
})

test('one payload to many rooms: a result a room, in their order; the id is the caller\'s in each; a bad room fails alone', async t => {
  const server = await buildReady(t, { MAX_BATCH: '4', MAX_PAYLOAD_BYTES: '100' })
  const publisher = as({ sub: 'svc', capabilities: { 'acme/*': ['publish'], '*/*': ['subscribe'] } })
  const many = { rooms: [ROOM, { ...ROOM, workspaceId: 'other' }, { ...ROOM, appId: 'no id', userId: 'eve' }, { ...ROOM, appId: 'board-2' }], event: 'NEWS', payload: { text: 'hello' }, id: 'news-1' }
  const publish = async (body: unknown, headers = {}) => await ask<{ results: unknown[] }>(server, 'POST', '/api/v1/publish/many', body, { ...publisher, ...headers })
  const first = await publish(many)
  t.equal(first.status, 200)
  t.match(first.body.data.results, [
    { status: 'SUCCESS', data: { id: 'news-1', offset: 1, duplicate: false }, error: null },
    { status: 'ERROR', data: null, error: { code: 'auth/forbidden' } },
    { status: 'ERROR', data: null, error: { code: 'request/invalid', message: /appId/ } },
    { status: 'SUCCESS', data: { id: 'news-1', offset: 1, duplicate: false } }
  ])
  t.match((await publish(many)).body.data.results, [{ data: { duplicate: true, offset: 1 } }, {}, {}, { data: { duplicate: true } }])
  t.match((await publish({ ...many, id: undefined }, { 'idempotency-key': 'news-1' })).body.data.results, [{ data: { duplicate: true } }])
  t.equal((await publish(many, { 'idempotency-key': 'news-2' })).status, 400)
  const { body } = await ask<HistoryPage>(server, 'GET', HISTORY, undefined, publisher)
  t.match(body.data.updates, [{ event: 'NEWS', payload: { text: 'hello' }, userId: 'svc', id: 'news-1', offset: 1 }])
  t.equal(body.data.offset, 1)
  t.equal((await ask<HistoryPage>(server, 'GET', HISTORY.replace('acme', 'other'), undefined, publisher)).body.data.offset, 0, 'who may not be published to hears nothing')

  t.match(await publish({ ...many, payload: 'x'.repeat(200), id: undefined }), { status: 413, body: { error: { code: 'publish/payload-too-large' } } })
  for (const bad of [{ rooms: [] }, { rooms: Array(5).fill(ROOM) }, { rooms: ROOM }, { event: 'not an event' }, { id: 'not an id' }, { payload: undefined }]) {
    t.match(await publish({ ...many, id: undefined, ...bad }), { status: 400, body: { error: { code: 'request/invalid' } } }, JSON.stringify(bad).slice(0, 40))
  }
  t.match(await ask(server, 'POST', '/api/v1/publish/many', many, as({ capabilities: {} })), { status: 200, body: { data: { results: [{ error: { code: 'auth/forbidden' } }] } } })
})

test('of one room in a batch none gets through after one that was refused for now: sent again they keep their order', async t => {
  // As many come back within the batch as it takes to publish: some of it is refused, in the middle too.
  const server = await buildReady(t, { PUBLISHES_PER_SECOND: '20000', PUBLISH_BURST: '20' })
  let refusals = 0
  for (let turn = 0; turn < 20; turn++) {
    const updates = Array.from({ length: 100 }, (_, n) => ({ ...UPDATE, appId: `board-${n % 2}`, payload: n }))
    const { body } = await ask<{ results: Array<{ error: { code: string } | null }> }>(server, 'POST', '/api/v1/publish/batch', { updates })
    for (const room of [0, 1]) {
      const outcomes = body.data.results.filter((_, n) => n % 2 === room).map(({ error }) => error?.code ?? 'published')
      const firstRefused = outcomes.indexOf('limit/publish-rate')
      if (firstRefused === -1) continue
      refusals++
      t.notOk(outcomes.includes('published', firstRefused), `${firstRefused} published, then none`)
    }
  }
  t.ok(refusals > 0)
})

test('history: from an offset, up to a limit, and whether everything since is there', async t => {
  const server = await buildReady(t, { HISTORY_SIZE: '5' })
  for (let n = 0; n < 8; n++) await ask(server, 'POST', '/api/v1/publish', UPDATE)
  const page = async (query: string) => (await ask<HistoryPage>(server, 'GET', `${HISTORY}${query}`)).body.data
  const all = await page('')
  t.match(all, { offset: 8, recovered: false })
  t.strictSame(all.updates.map(({ offset }) => offset), [4, 5, 6, 7, 8])
  t.strictSame(Object.keys(all.updates[0] ?? {}).sort(), ['appId', 'epoch', 'event', 'id', 'offset', 'payload', 'publishedAt', 'userId', 'workspaceId'])
  const { epoch } = all
  const cases: Array<[string, boolean, number[]]> = [
    [`?epoch=${epoch}&offset=6`, true, [7, 8]], [`?epoch=${epoch}&offset=3`, true, [4, 5, 6, 7, 8]], [`?epoch=${epoch}&offset=8`, true, []],
    [`?epoch=${epoch}&offset=2`, false, []], [`?epoch=${epoch}&offset=9`, false, []], ['?epoch=another&offset=6', false, []],
    ['?limit=2', false, [4, 5]], ['?limit=0', false, []], [`?epoch=${epoch}&offset=4&limit=2`, true, [5, 6]]
  ]
  for (const [query, recovered, offsets] of cases) {
    const found = await page(query)
    t.strictSame([found.epoch, found.offset, found.recovered, found.updates.map(({ offset }) => offset)], [epoch, 8, recovered, offsets], query)
  }
  for (const query of ['?epoch=e', '?offset=1', '?epoch=a%2Fb&offset=1', `?epoch=${epoch}&offset=-1`, `?epoch=${epoch}&offset=1.5`, `?epoch=${epoch}&offset=x`, '?limit=6', '?limit=-1', '?limit=', '?limit=1&limit=2']) {
    t.equal((await ask(server, 'GET', `${HISTORY}${query}`)).status, 400, query)
  }
})

test('history needs subscribe, presence needs presence, each on that room', async t => {
  const server = await buildReady(t)
  t.strictSame((await ask(server, 'GET', PRESENCE)).body, { status: 'SUCCESS', data: { collaborators: [], count: 0 }, error: null })
  for (const [url, action] of [[HISTORY, 'subscribe'], [PRESENCE, 'presence']] as const) {
    const others = ['subscribe', 'publish', 'presence', 'manage'].filter(other => other !== action)
    t.equal((await ask(server, 'GET', url, undefined, as({ capabilities: { 'acme/board-1': [action] } }))).status, 200)
    const refused = await ask(server, 'GET', url, undefined, as({ capabilities: { 'acme/board-1': others, 'acme/board-2': [action] } }))
    t.equal(refused.status, 403)
    t.equal(refused.body.error?.code, 'auth/forbidden')
  }
})

test('operators: disconnect and revoke need manage on all, unsubscribe on the room', async t => {
  const server = await buildReady(t)
  const calls: Array<[string, object, boolean]> = [
    ['sessions/disconnect', { userId: 'ann' }, false], ['sessions/unsubscribe', { userId: 'ann', ...ROOM }, true],
    ['tokens/revoke', { jti: 'j' }, false], ['tokens/revoke', { userId: 'bob', issuedBefore: Date.now() }, false]
  ]
  for (const [route, body, roomIsEnough] of calls) {
    const statusWith = async (capabilities: Record<string, string[]>) => (await ask(server, 'POST', `/api/v1/${route}`, body, as({ capabilities }))).status
    t.equal(await statusWith({ 'acme/board-1': ['manage'] }), roomIsEnough ? 200 : 403, route)
    t.equal(await statusWith({ '*/*': ['publish', 'subscribe', 'presence'] }), 403)
    const done = await ask(server, 'POST', `/api/v1/${route}`, body, as({ capabilities: { '*/*': ['manage'] } }))
    t.strictSame([done.status, done.body.data], [200, { sockets: 0, complete: true }])
    t.equal((await ask(server, 'POST', `/api/v1/${route}`, {})).status, 400)
  }
  t.equal((await ask(server, 'GET', HISTORY, undefined, as({ jti: 'j' }))).body.error?.code, 'auth/token-revoked')
})

test('health, life, readiness and metrics need no token', async t => {
  const server = await buildReady(t)
  for (const url of ['/api/v1/health/', '/api/v1/health']) {
    const { statusCode, body } = await server.inject(url)
    t.strictSame([statusCode, JSON.parse(body)], [200, { status: 'SUCCESS', data: { health: 'ok' }, error: null }])
  }
  t.strictSame((await server.inject('/livez')).json(), { live: true })
  t.strictSame((await server.inject('/readyz')).json(), { ready: true, reasons: [] })
  t.match((await server.inject('/metrics')).body, /^roomcast_\w+/m)
})

test('without Redis: 503 with Retry-After and nothing about the inside, and not ready', async t => {
  const port = await freePort()
  const server = await build(t, { REDIS_URL: `redis://:hunter2@${HOST}:${port}` })
  for (const [method, url, body] of [['POST', '/api/v1/publish', UPDATE], ['PUT', '/api/v1/apps/', { ...ROOM, displayName: 'P' }], ['GET', HISTORY, undefined]] as const) {
    const answer = await ask(server, method, url, body)
    t.match(answer.body, { status: 'ERROR', data: null, error: { code: 'broker/unavailable', retryable: true } })
    t.equal(answer.status, 503)
    t.equal(String(answer.headers['retry-after']), '1')
    t.notMatch(answer.text, new RegExp(`hunter2|${port}|127\\.0|stack|ioredis|:updates`))
  }
  const ready = await server.inject('/readyz')
  t.equal(ready.statusCode, 503)
  t.match(ready.json(), { ready: false, reasons: [String] })
  t.equal((await server.inject('/livez')).statusCode, 200)
})

test('an unexpected error answers server/internal, and says nothing about the inside', async t => {
  const server = await buildReady(t)
  server.roomcast.metrics.registry.metrics = async () => { throw new Error('password of 10.0.0.1 in /srv/roomcast') }
  const answer = await ask(server, 'GET', '/metrics')
  t.equal(answer.status, 500)
  t.strictSame(answer.body, {
    status: 'ERROR',
    data: null,
    error: { code: 'server/internal', name: 'InternalError', message: 'The service failed to handle the request: try again in a moment; its log has the details.', retryable: true }
  })
})
