// Deploys that nobody notices: three instances behind nginx are restarted one after the other, under load.
import { once } from 'node:events'
import { connect as connectTcp } from 'node:net'
import { test, type Test } from 'tap'
import type { Socket } from 'socket.io-client'
import WebSocket from 'ws'
import type { Draining } from '../services/protocol.ts'
import {
  connect, eventually, follow, freePort, HOST, nextEvent, publish, startInstance, startNginx, startProxy, startRedis, subscribe, token, within, type Instance
} from './helpers/index.ts'

const NAMES = ['a', 'b', 'c'] as const
const SHORT = { DRAIN_DELAY_SECONDS: '1', DRAIN_SECONDS: '3', CLOSE_TIMEOUT_MS: '5000' }
const CLIENTS = 36
const ROOM = { workspaceId: 'acme', appId: 'board-1' }

interface Move {
  instance: string
  slotMs: number
  toldAt: number
  movedAt: number
}

function instanceOf (socket: Socket): string {
  return String((socket.io.engine as unknown as { id: string }).id).split('.')[0] ?? ''
}

/** Notes for a client when it was told to leave, and when its transport was closed. */
function watchMoves (socket: Socket, moves: Move[]): void {
  let move: Move | undefined
  socket.on('draining', ({ reconnectInMs }: Draining) => {
    move = { instance: instanceOf(socket), slotMs: reconnectInMs, toldAt: Date.now(), movedAt: 0 }
    moves.push(move)
  })
  socket.on('disconnect', reason => {
    if (move === undefined) moves.push({ instance: `untold: ${reason}`, slotMs: NaN, toldAt: NaN, movedAt: NaN })
    else move.movedAt = Date.now()
    move = undefined
  })
}

/** Publishes one after the other from several callers until told to stop; answers how many, and what went wrong. */
function load (url: string) {
  let isOver = false
  let next = 1
  const failures: string[] = []
  const done = Promise.all(Array.from({ length: 2 }, async () => {
    while (!isOver) {
      const n = next++
      try {
        const { status, text } = await publish(url, { ...ROOM, event: 'N', payload: n })
        if (status !== 200) failures.push(`${n}: ${status} ${text}`)
      } catch (error) {
        failures.push(`${n}: ${String(error)}`)
      }
    }
  }))
  return {
    async stop () {
      isOver = true
      await done
      return { total: next - 1, failures }
    }
  }
}

async function terminate (t: Test, instance: Instance): Promise<void> {
  const startedAt = Date.now()
  const exited = instance.kill('SIGTERM')
  await eventually(async () => (await fetch(`${instance.url}/readyz`)).status === 503, 1000)
  const exit = await within(30_000, 'exit', exited)
  t.strictSame(exit, { code: 0, signal: null }, `left after ${Date.now() - startedAt} ms`)
}

test('a rolling restart under load: no publish fails, nothing is lost, repeated or out of order, and the curve is flat', async t => {
  const redis = await startRedis(t)
  const ports = [await freePort(), await freePort(), await freePort()] as [number, number, number]
  const start = async (i: 0 | 1 | 2) => {
    const instance = await startInstance(t, { REDIS_URL: redis.url, INSTANCE_NAME: NAMES[i], PORT: String(ports[i]), HISTORY_SIZE: '20000', ...SHORT })
    await instance.ready()
    return instance
  }
  const instances = await Promise.all([start(0), start(1), start(2)])
  const nginx = await startNginx(t, ports)
  const sockets = await Promise.all(Array.from({ length: CLIENTS }, (_, i) => connect(t, nginx.url, {
    token: token({ sub: `user-${i}` }), reconnection: true, ...i % 3 === 0 && { transports: ['websocket'] }, ...i % 9 === 1 && { transports: ['polling'] }
  })))
  const moves: Move[] = []
  for (const socket of sockets) watchMoves(socket, moves)
  const followers = await Promise.all(sockets.map(socket => follow(socket, ROOM.workspaceId, ROOM.appId)))
  const outsider = await connect(t, nginx.url, { token: token({ sub: 'outsider' }), reconnection: true })
  const overheard: unknown[] = []
  outsider.onAny((event: string, data: unknown) => { if (event.startsWith('workspace_')) overheard.push(data) })
  outsider.on('connect', () => { void subscribe(outsider, 'acme', 'elsewhere') })

  const publishers = load(nginx.internalUrl)
  for (const i of [0, 1, 2] as const) {
    await terminate(t, instances[i] as Instance)
    instances[i] = await start(i)
  }
  const { total, failures } = await publishers.stop()
  t.strictSame(failures, [], `${total} publishes`)
  for (const follower of followers) {
    const updates = await follower.until(total, 20_000)
    t.strictSame(updates.map(({ offset }) => offset), Array.from({ length: total }, (_, n) => n + 1))
    t.equal(new Set(updates.map(({ payload }) => payload)).size, total)
  }
  t.strictSame(overheard, [], 'who is in another room heard nothing')

  t.strictSame(moves.filter(({ instance }) => !NAMES.some(name => name === instance)), [], 'nobody was cut off untold')
  for (const name of NAMES) {
    const of = moves.filter(({ instance }) => instance === name)
    t.ok(of.length >= 8, `${of.length} clients were moved away from ${name}`)
    const windowMs = Number(SHORT.DRAIN_SECONDS) * 1000
    t.ok(of.every(({ slotMs }) => slotMs >= 0 && slotMs <= windowMs))
    t.ok(of.every(({ slotMs, toldAt, movedAt }) => Math.abs(movedAt - toldAt - slotMs) < 1000), 'each in its slot')
    const thirds = [0, 1, 2].map(third => of.filter(({ slotMs }) => Math.min(2, Math.floor(slotMs / windowMs * 3)) === third).length)
    t.ok(Math.max(...thirds) - Math.min(...thirds) <= 2, `moved per third of the window: ${thirds.join(', ')}`)
  }
})

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
  const startedAt = Date.now()
  t.equal((await within(30_000, 'exit', instance.kill('SIGTERM'))).code, 0)
  t.ok(Date.now() - startedAt < 10_000, `ended after ${Date.now() - startedAt} ms`)
})

test('a second signal ends at once', async t => {
  const instance = await startInstance(t, { DRAIN_DELAY_SECONDS: '60' })
  instance.process.kill('SIGTERM')
  await eventually(async () => (await fetch(`${instance.url}/readyz`)).status === 503, 2000)
  const startedAt = Date.now()
  instance.process.kill('SIGTERM')
  t.equal((await within(2000, 'exit', instance.exited)).code, 1)
  t.ok(Date.now() - startedAt < 2000)
})
