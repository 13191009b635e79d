// Requests that offer an upgrade which is not for sockets: Java's HTTP client and curl --http2 do with each.
import { once } from 'node:events'
import Fastify from 'fastify'
import { test } from 'tap'
import { WebSocket, WebSocketServer } from 'ws'
import roomcast from '../app.ts'
import { call, connect, eventually, follow, HOST, startInstance, startRedis, subscribe, TEST_SECRET, token } from './helpers/index.ts'
import { rawConnect } from './helpers/raw.ts'

const OFFER = 'Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAAP__\r\n'
const answers = (text: string) => [...text.matchAll(/HTTP\/1\.1 (\d+)/g)].map(([, status]) => Number(status))

test('a publish that offers h2c is answered over HTTP/1.1, once, and the connection goes on', async t => {
  const instance = await startInstance(t)
  await instance.ready()
  const socket = await connect(t, instance.url, { token: token() })
  const follower = await follow(socket, 'acme', 'board-1')
  const other = await follow(await connect(t, instance.url, { token: token() }), 'acme', 'board-2')
  const raw = await rawConnect(t, instance.port)
  const post = (n: number) => {
    const body = JSON.stringify({ workspaceId: 'acme', appId: 'board-1', event: 'N', payload: n })
    return { head: `POST /api/v1/publish HTTP/1.1\r\nHost: ${HOST}\r\nAuthorization: Bearer ${token()}\r\n${OFFER}Content-Type: application/json\r\nContent-Length: ${body.length}\r\n\r\n`, body }
  }
  const first = post(1)
  raw.send(first.head + first.body)
  await eventually(() => raw.received().includes('"offset":1'))
  const second = post(2)
  raw.send(second.head)
  await eventually(() => follower.updates.length === 1)
  raw.send(second.body.slice(0, 10))
  await subscribe(socket, 'acme', 'barrier')
  raw.send(second.body.slice(10))
  await eventually(() => raw.received().includes('"offset":2'))
  const third = post(3)
  const fourth = post(4)
  raw.send(third.head + third.body + fourth.head + fourth.body)
  await eventually(() => raw.received().includes('"offset":4'))
  t.strictSame(answers(raw.received()), [200, 200, 200, 200])
  await follower.until(4)
  t.strictSame(follower.updates.map(({ payload }) => payload), [1, 2, 3, 4])

  raw.send(`GET /livez HTTP/1.1\r\nHost: ${HOST}\r\nConnection: close, Upgrade\r\nUpgrade: h2c\r\n\r\n`)
  await raw.closed()
  t.strictSame(answers(raw.received()), [200, 200, 200, 200, 200])
  t.equal(other.updates.length, 0)
})

test('a WebSocket at another path is answered as a plain request', async t => {
  const instance = await startInstance(t)
  for (const [path, status] of [['/livez', 200], ['/nowhere', 404]] as const) {
    const socket = new WebSocket(`${instance.url.replace('http', 'ws')}${path}`)
    const [, response] = await once(socket, 'unexpected-response') as [unknown, { statusCode: number }]
    t.equal(response.statusCode, status, path)
    // That it was not established is what is wanted here.
    socket.on('error', () => {})
    socket.terminate()
  }
})

test("a WebSocket of the host's own stays the host's", async t => {
  const server = Fastify({ forceCloseConnections: true })
  t.teardown(() => server.close())
  await server.register(roomcast, { env: { JWT_SECRET: TEST_SECRET } })
  const sockets = new WebSocketServer({ noServer: true })
  server.server.on('upgrade', (request, socket, head) => {
    if (request.url === '/own') sockets.handleUpgrade(request, socket, head, own => own.send('hello of the host'))
  })
  const url = await server.listen({ host: HOST, port: 0 })
  const own = new WebSocket(`${url.replace('http', 'ws')}/own`)
  t.teardown(() => own.terminate())
  const [text] = await once(own, 'message') as [Buffer]
  t.equal(text.toString(), 'hello of the host')
  // Kept alive, so that something has been written on it before.
  const nobodys = await rawConnect(t, Number(new URL(url).port))
  nobodys.send(`GET /livez HTTP/1.1\r\nHost: ${HOST}\r\n\r\n`)
  await eventually(() => answers(nobodys.received()).length === 1)
  nobodys.send(`GET /nobodys HTTP/1.1\r\nHost: ${HOST}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n`)
  await nobodys.closed()
  t.equal(answers(nobodys.received()).length, 1)
  own.ping()
  await once(own, 'pong')
  await eventually(() => server.roomcast.commands.isCaughtUp())
  t.equal((await subscribe(await connect(t, url, { token: token() }), 'acme', 'board-1')).status, 'SUCCESS')
})

test('a caller that breaks off while an answer before the offer is due ends nothing else', async t => {
  const redis = await startRedis(t)
  const instance = await startInstance(t, { REDIS_URL: redis.url })
  await instance.ready()
  const body = JSON.stringify({ workspaceId: 'acme', appId: 'board-1', event: 'N', payload: 1 })
  const raw = await rawConnect(t, instance.port)
  redis.pause()
  raw.send(`POST /api/v1/publish HTTP/1.1\r\nHost: ${HOST}\r\nAuthorization: Bearer ${token()}\r\nContent-Type: application/json\r\nContent-Length: ${body.length}\r\n\r\n${body}`)
  raw.send(`GET /livez HTTP/1.1\r\nHost: ${HOST}\r\n${OFFER}\r\n`)
  const ping = await fetch(`${instance.url}/livez`)
  t.equal(ping.status, 200)
  raw.socket.resetAndDestroy()
  await raw.closed()
  const published = await call(instance.url, 'POST', '/api/v1/publish', { token: token(), body: { workspaceId: 'acme', appId: 'board-1', event: 'N', payload: 2 } })
  t.equal(published.status, 503, 'a second later it still answers')
  redis.resume()
  await instance.ready()
})
