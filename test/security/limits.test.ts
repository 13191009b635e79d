// Each limit answers with its code, and a metric counts how often it struck; who keeps to it does not notice.
import { setTimeout as pause } from 'node:timers/promises'
import t, { test } from 'tap'
import {
  call, connect, eventually, follow, limitHits, metric, openWebSocket, publish, rawConnect, rawSession, startClock, startInstance, subscribe, token, type Answer
} from '../helpers/index.ts'

const update = { workspaceId: 'acme', appId: 'board-1', event: 'N' }
const service = await startInstance(t, {
  MAX_SOCKETS_PER_USER: '3', MAX_ROOMS_PER_SOCKET: '10', EVENTS_PER_SECOND: '5', EVENT_BURST: '30', PUBLISHES_PER_SECOND: '1', PUBLISH_BURST: '20', COMMANDS_PER_SECOND: '1', COMMAND_BURST: '4', MAX_PAYLOAD_BYTES: '1000', MAX_PAYLOAD_DEPTH: '10', MAX_PACKET_BYTES: '20000', MAX_BATCH: '5', AUTH_TIMEOUT_MS: '1000', REQUEST_TIMEOUT_MS: '2000'
})
const { url } = service

interface Refused { data: { code: string, retryable: boolean } }

test('AUTH_TIMEOUT_MS: a connection that does not authenticate is closed, also one that does not read', async t => {
  const raw = await openWebSocket(t, url)
  const good = await rawSession(t, url, token({ sub: 'auth-time' }))
  const deaf = await rawConnect(t, service.port)
  deaf.send(`GET /socket.io/?EIO=4&transport=websocket HTTP/1.1\r\nHost: 127.0.0.1:${service.port}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n`)
  await raw.closed(5000)
  await deaf.closed(5000)
  await eventually(async () => await limitHits(url, 'auth-time') >= 2)
  t.notOk(good.isClosed())
})

test('MAX_SOCKETS: a full instance refuses at the engine with 503, and a stock client comes back when there is room', async t => {
  const small = await startInstance(t, { MAX_SOCKETS: '2' })
  const first = await connect(t, small.url, { token: token() })
  await connect(t, small.url, { token: token() })
  for (const transport of ['polling', 'websocket']) {
    await t.rejects(connect(t, small.url, { token: token(), transports: [transport] }), transport)
  }
  const answer = await fetch(`${small.url}/socket.io/?EIO=4&transport=polling`)
  t.equal(answer.status, 503)
  t.ok(answer.headers.get('retry-after'))
  t.match(await answer.json(), { error: { code: 'limit/sockets-per-instance', retryable: true } })
  t.ok(await limitHits(small.url, 'sockets-per-instance') >= 3)
  const patient = connect(t, small.url, { token: token(), reconnection: true, reconnectionDelay: 50 })
  await eventually(async () => await limitHits(small.url, 'sockets-per-instance') >= 4)
  first.close()
  t.ok((await patient).connected)
})

test('MAX_SOCKETS_PER_USER: more connections of one user are refused, also all at once; other users are not', async t => {
  const attempts = await Promise.all(Array.from({ length: 10 }, () => openWebSocket(t, url)))
  for (const raw of attempts) raw.send(`40${JSON.stringify({ token: token({ sub: 'greedy' }) })}`)
  await eventually(() => attempts.every(({ frames }) => frames.some(frame => frame.startsWith('4'))))
  await eventually(async () => await metric(url, 'roomcast_limit_hits_total', 'sockets-per-user') === 7)
  const isAlive = ({ frames }: { frames: string[] }) => frames.some(frame => frame.startsWith('40')) && !frames.some(frame => frame.includes('"closing"'))
  await eventually(() => attempts.filter(isAlive).length === 3)
  const error = await connect(t, url, { token: token({ sub: 'greedy' }) }).then(() => undefined, (refused: Refused) => refused)
  t.match(error?.data, { code: 'limit/sockets-per-user', retryable: true })
  t.ok((await connect(t, url, { token: token({ sub: 'modest' }) })).connected)
})

test('MAX_ROOMS_PER_SOCKET: one room more is refused, and let in again after leaving another', async t => {
  const socket = await connect(t, url, { token: token({ sub: 'rooms' }) })
  for (let i = 0; i < 10; i++) t.equal((await subscribe(socket, 'acme', `room-${i}`)).status, 'SUCCESS')
  t.equal((await subscribe(socket, 'acme', 'room-x')).error?.code, 'limit/rooms-per-socket')
  t.equal((await subscribe(socket, 'acme', 'room-1')).status, 'SUCCESS', 'a renewal is no room more')
  await socket.emitWithAck('application', { event: 'UNSUBSCRIBE', payload: { workspaceId: 'acme', appId: 'room-1' } })
  t.equal((await subscribe(socket, 'acme', 'room-x')).status, 'SUCCESS')
  t.equal(await limitHits(url, 'rooms-per-socket'), 1)
})

test('a join flood, all at once, does not get past MAX_ROOMS_PER_SOCKET', async t => {
  const socket = await connect(t, url, { token: token({ sub: 'joins' }) })
  const answers = await Promise.all(Array.from({ length: 20 }, (_, i) => subscribe(socket, 'acme', `join-${i}`)))
  t.equal(answers.filter(({ status }) => status === 'SUCCESS').length, 10)
  t.equal(answers.filter(({ error }) => error?.code === 'limit/rooms-per-socket').length, 10)
})

test('EVENTS_PER_SECOND: too many are answered with limit/event-rate, who does not stop is disconnected, a neighbour is not', async t => {
  const neighbour = await connect(t, url, { token: token({ sub: 'calm' }) })
  const raw = await rawSession(t, url, token({ sub: 'flood' }))
  for (let i = 0; i < 30; i++) raw.send(`42${i}["presence",{"workspaceId":"acme","appId":"board-1"}]`)
  raw.send('42990["presence",{"workspaceId":"acme","appId":"board-1"}]')
  t.match(await raw.frame('43990'), /"code":"limit\/event-rate".*"retryable":true/)
  for (let i = 0; i < 100; i++) raw.send('42["nothing"]')
  await raw.closed()
  t.match(await raw.frame('42["closing"'), /"code":"limit\/event-rate"/)
  t.ok(await limitHits(url, 'event-rate') >= 30)
  t.equal((await subscribe(neighbour, 'acme', 'board-1')).status, 'SUCCESS')
})

test('EVENT_BURST: an honest client subscribes to all its rooms at once, again and again', async t => {
  const usual = await startInstance(t)
  const socket = await connect(t, usual.url, { token: token() })
  for (let round = 0; round < 2; round++) {
    const answers = await Promise.all(Array.from({ length: 100 }, (_, i) => subscribe(socket, 'acme', `room-${i}`)))
    t.ok(answers.every(({ status }) => status === 'SUCCESS'))
  }
  t.equal(await limitHits(usual.url, 'event-rate'), 0)
})

test('PUBLISHES_PER_SECOND: counted by token over HTTP and sockets together; others go on', async t => {
  const bearer = token({ sub: 'publisher' })
  const socket = await connect(t, url, { token: bearer })
  const overHttp = await Promise.all(Array.from({ length: 10 }, (_, i) => publish(url, { ...update, payload: i }, bearer)))
  const overSocket = await Promise.all(Array.from({ length: 10 }, (_, i) => socket.emitWithAck('publish', { ...update, payload: i }) as Promise<Answer<null>>))
  t.ok([...overHttp.map(({ body }) => body), ...overSocket].every(({ status }) => status === 'SUCCESS'))
  const more = await Promise.all(Array.from({ length: 10 }, () => publish(url, { ...update, payload: 1 }, bearer)))
  const refused = more.filter(({ status }) => status === 429)
  t.ok(refused.length >= 5)
  for (const { body, headers } of refused) {
    t.equal(body.error?.code, 'limit/publish-rate')
    t.ok(headers.get('retry-after'))
  }
  t.equal((await publish(url, { ...update, payload: 1 }, token({ sub: 'another' }))).status, 200)
  t.equal(await limitHits(url, 'publish-rate'), refused.length)
})

test("COMMANDS_PER_SECOND: an operator's commands are counted together; another operator goes on", async t => {
  const order = (sub: string) => async ([path, body]: [string, object]) => await call(url, 'POST', `/api/v1/${path}`, { token: token({ sub }), body })
  const commands: Array<[string, object]> = [
    ['sessions/disconnect', { userId: 'nobody' }], ['sessions/unsubscribe', { userId: 'nobody', workspaceId: 'acme', appId: 'x' }],
    ['tokens/revoke', { jti: 'nothing' }], ['tokens/restore', { jti: 'nothing' }]
  ]
  for (const answer of await Promise.all(commands.map(order('operator')))) t.equal(answer.status, 200)
  const more = (await Promise.all([...commands, ...commands].map(order('operator')))).filter(({ status }) => status === 429)
  t.ok(more.length >= 4)
  for (const { body, headers } of more) {
    t.match(body.error, { code: 'limit/command-rate', retryable: true })
    t.ok(headers.get('retry-after'))
  }
  t.equal((await order('another operator')(['tokens/revoke', { jti: 'nothing' }])).status, 200)
  t.equal(await limitHits(url, 'command-rate'), more.length)
})

test('MAX_PAYLOAD_BYTES and MAX_PAYLOAD_DEPTH: refused over HTTP and sockets, and nobody gets any of it', async t => {
  const socket = await connect(t, url, { token: token({ sub: 'payloads' }) })
  const follower = await follow(socket, 'acme', 'payloads')
  const room = { workspaceId: 'acme', appId: 'payloads', event: 'N' }
  const bearer = token({ sub: 'payloads' })
  const nested = (depth: number): unknown => depth === 0 ? 1 : [nested(depth - 1)]
  for (const [payload, code, status] of [['x'.repeat(999), 'publish/payload-too-large', 413], ['ä'.repeat(500), 'publish/payload-too-large', 413], [nested(11), 'request/invalid', 400]] as const) {
    const posted = await publish(url, { ...room, payload }, bearer)
    t.equal(posted.status, status)
    t.equal(posted.body.error?.code, code)
    t.match(await socket.emitWithAck('publish', { ...room, payload }), { error: { code } })
  }
  for (const payload of ['x'.repeat(998), nested(10)]) t.equal((await publish(url, { ...room, payload }, bearer)).status, 200)
  t.equal((await follower.until(2)).length, 2)
  t.equal(await limitHits(url, 'payload-bytes'), 4)
  t.equal(await limitHits(url, 'payload-depth'), 2)
})

test('a body larger than its route takes is refused before it is read', async t => {
  const { status, body } = await publish(url, { ...update, payload: 'x'.repeat(100_000) }, token({ sub: 'bodies' }))
  t.equal(status, 413)
  t.equal(body.error?.code, 'publish/payload-too-large')
  t.equal(await limitHits(url, 'body-bytes'), 1)
})

test('MAX_PACKET_BYTES: a larger packet ends the connection, over both transports', async t => {
  const raw = await rawSession(t, url, token({ sub: 'packets' }))
  raw.send(`42["publish","${'x'.repeat(30_000)}"]`)
  await raw.closed()
  await eventually(async () => await limitHits(url, 'packet-bytes') === 1)
  const { sid } = JSON.parse((await (await fetch(`${url}/socket.io/?EIO=4&transport=polling`)).text()).slice(1)) as { sid: string }
  const posted = await fetch(`${url}/socket.io/?EIO=4&transport=polling&sid=${sid}`, { method: 'POST', body: 'x'.repeat(30_000), headers: { 'content-type': 'text/plain' } })
  await posted.text()
  t.equal(posted.status, 413)
  await eventually(async () => await limitHits(url, 'packet-bytes') === 2)
})

test('CONNECTIONS_PER_SECOND: a connection flood is refused with 429 at the engine, and passes', async t => {
  const slow = await startInstance(t, { CONNECTIONS_PER_SECOND: '2', CONNECTION_BURST: '3' })
  const answers = await Promise.all(Array.from({ length: 20 }, () => fetch(`${slow.url}/socket.io/?EIO=4&transport=polling`)))
  const refused = answers.filter(({ status }) => status === 429)
  t.ok(refused.length >= 15)
  for (const answer of refused) {
    t.ok(answer.headers.get('retry-after'))
    t.match(await answer.json(), { error: { code: 'limit/connection-rate', retryable: true } })
  }
  t.equal(await limitHits(slow.url, 'connection-rate'), refused.length)
  const socket = await connect(t, slow.url, { token: token(), reconnection: true, reconnectionDelay: 100 })
  t.equal((await subscribe(socket, 'acme', 'board-1')).status, 'SUCCESS')
})

test('REQUEST_TIMEOUT_MS: who sends a byte at a time is closed, in the headers and in the body', async t => {
  for (const head of ['GET / HTTP/1.1\r\n', 'POST /api/v1/publish HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 1000\r\n\r\n', 'POST /socket.io/?EIO=4&transport=polling HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n']) {
    const raw = await rawConnect(t, service.port)
    raw.send(head)
    const clock = startClock(t)
    while (!raw.isClosed() && clock.now() < 10_000) {
      raw.send('x')
      await pause(100)
    }
    t.ok(raw.isClosed(), head.slice(0, 20))
    t.ok(clock.now() < 5000)
  }
  t.ok(await limitHits(url, 'request-time') >= 1)
  const answered = await rawConnect(t, service.port)
  answered.send('GET / HTTP/1.1\r\n')
  await answered.closed()
  t.match(answered.received(), /^HTTP\/1.1 408 [^]*"code":"request\/timeout"/)
})

test('MAX_BATCH: a larger batch publishes nothing', async t => {
  const updates = (n: number) => ({ updates: Array.from({ length: n }, (_, i) => ({ workspaceId: 'acme', appId: 'batch', event: 'N', payload: i })) })
  const bearer = token({ sub: 'batches' })
  const { status, body } = await call(url, 'POST', '/api/v1/publish/batch', { token: bearer, body: updates(6) })
  t.equal(status, 400)
  t.equal(body.error?.code, 'request/invalid')
  const rooms = Array.from({ length: 6 }, (_, i) => ({ workspaceId: 'acme', appId: `many-${i}` }))
  t.equal((await call(url, 'POST', '/api/v1/publish/many', { token: bearer, body: { rooms, event: 'N', payload: 1 } })).status, 400)
  t.equal(await limitHits(url, 'batch'), 2)
  t.equal((await call(url, 'POST', '/api/v1/publish/batch', { token: bearer, body: updates(5) })).status, 200)
  const { body: history } = await call<{ offset: number }>(url, 'GET', '/api/v1/workspaces/acme/apps/batch/history?limit=10', { token: bearer })
  t.equal(history.data.offset, 5)
})
