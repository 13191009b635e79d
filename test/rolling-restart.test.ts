// Deploys that nobody notices: three instances behind nginx are restarted one after the other, under load.
import { setTimeout as pause } from 'node:timers/promises'
import { test, type Test } from 'tap'
import type { Socket } from 'socket.io-client'
import type { Draining } from '../services/wire/protocol.ts'
import {
  connect, eventually, follow, followStock, freePort, publish, startInstance, startNginx, startRedis, subscribe, token, within, type Instance
} from './helpers/index.ts'

const NAMES = ['a', 'b', 'c'] as const
const SHORT = { DRAIN_DELAY_SECONDS: '1', DRAIN_SECONDS: '3', CLOSE_TIMEOUT_MS: '5000' }
const CLIENTS = 30
/** Between two publishes of a caller: a load, not a benchmark. */
const PACE_MS = 10
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
      await pause(PACE_MS)
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
  const pages = await Promise.all(Array.from({ length: 6 }, async (_, i) => await followStock(await connect(t, nginx.url, { token: token({ sub: `page-${i}` }), reconnection: true }), ['acme/board-1'])))
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
  for (const page of pages) {
    await page.until('acme/board-1', total, 20_000)
    t.equal(page.updates.length, total)
    t.match(page, { fresh: 0, faults: [], told: [] }, 'a page that only subscribes has them all, once')
  }
  t.strictSame(overheard, [], 'who is in another room heard nothing')

  t.strictSame(moves.filter(({ instance }) => !NAMES.some(name => name === instance)), [], 'nobody was cut off untold')
  for (const name of NAMES) {
    const of = moves.filter(({ instance }) => instance === name)
    t.ok(of.length >= 8, `${of.length} clients were moved away from ${name}`)
    const windowMs = Number(SHORT.DRAIN_SECONDS) * 1000
    t.ok(of.every(({ slotMs }) => slotMs >= 0 && slotMs <= windowMs))
    t.ok(of.every(({ slotMs, toldAt, movedAt }) => movedAt - toldAt > slotMs - 500), 'nobody before its slot')
    const thirds = [0, 1, 2].map(third => of.filter(({ slotMs }) => Math.min(2, Math.floor(slotMs / windowMs * 3)) === third).length)
    // Flat, not a spike; who came late to a draining instance under load has a late slot.
    t.ok(Math.max(...thirds) <= Math.ceil(of.length * 0.6), `moved per third of the window: ${thirds.join(', ')}`)
  }
})
