// How one instance leaves: what it still serves, what it waits for, and what it does not wait for.
import { once } from 'node:events'
import { connect as connectTcp } from 'node:net'
import { test } from 'tap'
import type { Socket } from 'socket.io-client'
import WebSocket from 'ws'
import type { Draining } from '../services/wire/protocol.ts'
import {
  connect, eventually, follow, HOST, nextEvent, publish, startClock, startInstance, startProxy, startRedis, subscribe, token, within
} from './helpers/index.ts'

const SHORT = { DRAIN_DELAY_SECONDS: '1', DRAIN_SECONDS: '3', CLOSE_TIMEOUT_MS: '5000' }
const ROOM = { workspaceId: 'acme', appId: 'board-1' }

test('while it drains an instance serves publishes, with Connection: close, and refuses newcomers on both transports', async t => {
  const redis = await startRedis(t)
  const instance = await startInstance(t, { REDIS_URL: redis.url, ...SHORT })
  await instance.ready()
  const member = await connect(t, instance.url, { token: token() })
  const follower = await follow(member, 'acme', 'board-1')
  const drained = nextEvent<Draining>(member, 'draining', undefined, 5000)
  instance.process.kill('SIGTERM')
  await eventually(async () => (await fetch(`${instance.url}/readyz`)).status === 503, 1000)

  const handshake = await fetch(`${instance.url}/socket.io/?EIO=4&transport=polling`)
  t.equal(handshake.status, 503)
  t.equal(handshake.headers.get('retry-after'), '1')
  t.match(await handshake.json(), { error: { code: 'server/draining', retryable: true } })
  await t.rejects(connect(t, instance.url, { token: token(), transports: ['websocket'] }))

  await drained
  const { status, headers } = await publish(instance.url, { ...ROOM, event: 'N', payload: 1 })
  t.equal(status, 200)
  t.equal(headers.get('connection'), 'close')
  if (member.connected) await follower.until(1)
  t.equal((await instance.exited).code, 0)
})

test('a client whose handshake was under way when draining began is told too', async t => {
  const redis = await startRedis(t)
  const instance = await startInstance(t, { REDIS_URL: redis.url, DRAIN_DELAY_SECONDS: '0', DRAIN_SECONDS: '3' })
  await instance.ready()
  let opening: Promise<Socket> | undefined
  // The engine's session is open when the client is asked for its token.
  const authenticate = await new Promise<(auth: object) => void>(resolve => {
    opening = connect(t, instance.url, { auth: resolve })
  })
  instance.process.kill('SIGTERM')
  await eventually(async () => (await fetch(`${instance.url}/readyz`)).status === 503, 1000)
  authenticate({ token: token({ sub: 'late' }) })
  const { reconnectInMs } = await nextEvent<Draining>(await opening as Socket, 'draining')
  t.ok(reconnectInMs >= 0 && reconnectInMs <= 3000)
  t.equal((await instance.exited).code, 0)
})

test('requests under way finish after listening has stopped, and only then Redis is closed', async t => {
  const redis = await startRedis(t)
  const proxy = await startProxy(t, redis.port)
  const instance = await startInstance(t, {
    REDIS_URL: proxy.url(), DRAIN_DELAY_SECONDS: '0', DRAIN_SECONDS: '0', PUBLISH_TIMEOUT_MS: '10000', PROBE_TIMEOUT_MS: '20000'
  })
  await instance.ready()
  const neighbour = await startInstance(t, { REDIS_URL: redis.url })
  await neighbour.ready()
  const follower = await follow(await connect(t, neighbour.url, { token: token() }), ROOM.workspaceId, ROOM.appId)
  proxy.blackhole('toClient')
  const answer = publish(instance.url, { ...ROOM, event: 'N', payload: 1 })
  await follower.until(1)
  instance.process.kill('SIGTERM')
  await eventually(async () => !await isListening(instance.port), 3000)
  t.equal(instance.process.exitCode, null, 'it waits for the request')
  await proxy.heal()
  t.equal((await answer).status, 200)
  t.equal((await instance.exited).code, 0)
})

async function isListening (port: number): Promise<boolean> {
  const socket = connectTcp(port, HOST)
  try {
    await once(socket, 'connect')
    return true
  } catch {
    return false
  } finally {
    socket.destroy()
  }
}

test('clients that are stuck do not hold up the exit', async t => {
  const redis = await startRedis(t)
  const instance = await startInstance(t, { REDIS_URL: redis.url, DRAIN_DELAY_SECONDS: '0', DRAIN_SECONDS: '1', CLOSE_TIMEOUT_MS: '3000' })
  await instance.ready()
  const proxy = await startProxy(t, instance.port)
  const stuck = await Promise.all([['websocket'], ['polling']].map(transports => connect(t, proxy.url('http'), { token: token(), transports })))
  await Promise.all(stuck.map(socket => subscribe(socket, ROOM.workspaceId, ROOM.appId)))
  // Two that never authenticate, and a request whose body never ends.
  const silent = new WebSocket(`${proxy.url('ws')}/socket.io/?EIO=4&transport=websocket`)
  silent.on('error', () => silent.terminate())
  await once(silent, 'open')
  t.equal((await fetch(`${instance.url}/socket.io/?EIO=4&transport=polling`)).status, 200)
  const half = connectTcp(proxy.port, HOST)
  half.on('error', () => half.destroy())
  await once(half, 'connect')
  half.write(`POST /api/v1/publish HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${token()}\r\nContent-Type: application/json\r\nContent-Length: 1000\r\n\r\n{`)
  await eventually(() => proxy.connections() >= 4)
  proxy.blackhole()
  const clock = startClock(t)
  t.equal((await within(30_000, 'exit', instance.kill('SIGTERM'))).code, 0)
  t.ok(clock.now() < 10_000, `ended after ${Math.round(clock.now())} ms`)
})

test('SIGHUP and SIGINT drain as SIGTERM does: clients are told, publishes go on, the exit is clean', async t => {
  for (const signal of ['SIGHUP', 'SIGINT'] as const) {
    const instance = await startInstance(t, { DRAIN_DELAY_SECONDS: '1', DRAIN_SECONDS: '1' })
    const member = await connect(t, instance.url, { token: token(), reconnection: false })
    const told = nextEvent<Draining>(member, 'draining', undefined, 5000)
    instance.process.kill(signal)
    await eventually(async () => (await fetch(`${instance.url}/readyz`)).status === 503, 1000)
    t.equal((await publish(instance.url, { ...ROOM, event: 'N', payload: 1 })).status, 200)
    t.ok((await told).reconnectInMs <= 1000)
    t.equal((await within(15_000, 'exit', instance.exited)).code, 0)
  }
})

test('a second signal ends at once', async t => {
  const instance = await startInstance(t, { DRAIN_DELAY_SECONDS: '60' })
  const signalledAt = Date.now()
  instance.process.kill('SIGTERM')
  // As npm and the terminal do it: the same signal twice is one.
  instance.process.kill('SIGTERM')
  await eventually(async () => (await fetch(`${instance.url}/readyz`)).status === 503, 2000)
  await eventually(() => Date.now() - signalledAt > 700)
  t.ok(instance.process.exitCode === null)
  const clock = startClock(t)
  instance.process.kill('SIGTERM')
  t.equal((await within(2000, 'exit', instance.exited)).code, 1)
  t.ok(clock.now() < 2000)
})
