// What the process holds for one connection is bounded, whatever it is: control frames, answers of long polling, before
// and after authentication. Who does not read is cut off, and others do not notice.
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { connect as tcpConnect, type Socket } from 'node:net'
import t, { test, type Test } from 'tap'
import {
  connect, eventually, follow, limitHits, metric, openWebSocket, publish, rawConnect, startInstance, subscribe, token, upTo, within, type Instance, type RawSocket
} from '../helpers/index.ts'
import type { StreamPosition } from '../../services/wire/protocol.ts'

const MIB = 1_048_576
const bearer = token({ sub: 'ann' })
const service = await startInstance(t, { POLLING_STALL_TIMEOUT_MS: '2000', HISTORY_SIZE: '1000' })

function residentBytes ({ pid }: Instance): number {
  return Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]) * 1024
}

// ── WebSocket pings ─────────────────────────────────────────────────────────

/** Masked with zeros, which change nothing. */
function clientFrame (opcode: number, body: Buffer): Buffer {
  const head = body.length < 126 ? Buffer.from([0x80 | opcode, 0x80 | body.length]) : Buffer.from([0x80 | opcode, 0xfe, body.length >> 8, body.length & 255])
  return Buffer.concat([head, Buffer.alloc(4), body])
}

const ping = clientFrame(9, Buffer.alloc(125, 'x'))

/** A WebSocket in bare bytes. */
async function openBare (t: Test, { port }: Instance): Promise<RawSocket> {
  const raw = await rawConnect(t, port)
  raw.send(`GET /socket.io/?EIO=4&transport=websocket HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n`)
  await eventually(() => raw.received().includes('"sid"'))
  return raw
}

/** Sends pings for as long as they are taken, and at most so many bytes. */
async function flood (socket: Socket, mostBytes: number): Promise<void> {
  const chunk = Buffer.concat(Array.from({ length: 2000 }, () => ping))
  // A reset is one way of being cut off.
  const next = () => new Promise(resolve => socket.once('drain', resolve).once('close', resolve))
  for (let sent = 0; sent < mostBytes && !socket.destroyed; sent += chunk.length) {
    if (!socket.write(chunk)) await next()
  }
}

async function authenticate (raw: RawSocket): Promise<void> {
  raw.send(clientFrame(1, Buffer.from(`40${JSON.stringify({ token: bearer })}`)))
  await eventually(() => /40\{"sid"/.test(raw.received()))
}

test('pings of a client that does not read: cut off with a code, and nothing is held', async t => {
  for (const isAuthenticated of [true, false]) {
    await t.test(isAuthenticated ? 'after authentication' : 'before it', async t => {
      const before = residentBytes(service)
      const hits = await limitHits(service.url, 'control-frame-rate')
      const neighbour = await follow(await connect(t, service.url, { token: bearer }), 'pings', `${isAuthenticated}`)
      const raw = await openBare(t, service)
      if (isAuthenticated) await authenticate(raw)
      raw.socket.pause()
      await flood(raw.socket, 60_000_000)
      await raw.closed(10_000)
      t.equal(await limitHits(service.url, 'control-frame-rate'), hits + 1)
      t.ok(await metric(service.url, 'roomcast_disconnects_total', 'limit/control-frame-rate') >= 1)
      t.match(service.output(), /limit\/control-frame-rate/, 'the code is in the log')
      const grown = residentBytes(service) - before
      t.ok(grown < 64 * MIB, `the process grew by ${Math.round(grown / MIB)} MiB`)
      await publish(service.url, { workspaceId: 'pings', appId: `${isAuthenticated}`, event: 'N', payload: 1 })
      await neighbour.until(1)
    })
  }
})

test('where the rate allows any number of pings, their answers count as bytes', async t => {
  for (const isAuthenticated of [true, false]) {
    await t.test(isAuthenticated ? 'after authentication' : 'before it', async t => {
      const open = await startInstance(t, { CONTROL_FRAMES_PER_SECOND: '100000000', CONTROL_FRAME_BURST: '100000000', PING_INTERVAL_MS: '600000' })
      const raw = await openBare(t, open)
      if (isAuthenticated) await authenticate(raw)
      const before = residentBytes(open)
      raw.socket.pause()
      let most = 0
      const flooding = flood(raw.socket, 60_000_000)
      await eventually(async () => {
        most = Math.max(most, await metric(open.url, 'roomcast_send_buffer_bytes'))
        return await limitHits(open.url, 'slow-client') === 1
      }, 20_000)
      await flooding
      await raw.closed(10_000)
      t.ok(most <= (isAuthenticated ? MIB : 65_536) * 1.1, `${most} bytes were held at most`)
      const grown = residentBytes(open) - before
      t.ok(grown < 96 * MIB, `the process grew by ${Math.round(grown / MIB)} MiB`)
    })
  }
})

test('a client that pings now and then is answered each time, with what it sent', async t => {
  const raw = await openWebSocket(t, service.url)
  for (const n of upTo(20)) {
    raw.socket.ping(`${n}`)
    const [answer] = await within(5000, 'pong', once(raw.socket, 'pong')) as [Buffer]
    t.equal(String(answer), `${n}`)
  }
  t.notOk(raw.isClosed())
})

// ── Long polling ────────────────────────────────────────────────────────────

interface Poller {
  /** Asks on a TCP connection of its own, or on the first one again, and reads nothing of the answer. */
  poll (isNewConnection: boolean): void
  /** Reads, and counts, what was put on the way to it. */
  bytesHeld (): Promise<number>
}

/** A long-polling session that subscribes from a position, and reads nothing from then on. */
async function startPoller (t: Test, since: StreamPosition): Promise<Poller> {
  const path = '/socket.io/?EIO=4&transport=polling'
  const { sid } = JSON.parse((await (await fetch(service.url + path)).text()).slice(1)) as { sid: string }
  const post = async (body: string) => {
    const answer = await fetch(`${service.url}${path}&sid=${sid}`, { method: 'POST', body, headers: { 'content-type': 'text/plain' } })
    await answer.text()
  }
  await post(`40${JSON.stringify({ token: bearer })}`)
  t.match(await (await fetch(`${service.url}${path}&sid=${sid}`)).text(), /^40/)
  await post(`42${JSON.stringify(['application', { event: 'SUBSCRIBE', payload: { workspaceId: 'history', appId: 'board', since } }])}`)
  const sockets: Socket[] = []
  t.teardown(() => { for (const socket of sockets) socket.destroy() })
  return {
    poll (isNewConnection) {
      if (isNewConnection || sockets.length === 0) sockets.push(tcpConnect(service.port, '127.0.0.1').on('error', () => undefined).pause())
      sockets.at(-1)?.write(`GET ${path}&sid=${sid} HTTP/1.1\r\nHost: 127.0.0.1:${service.port}\r\n\r\n`)
    },
    async bytesHeld () {
      let bytes = 0
      for (const socket of sockets) socket.on('data', chunk => { bytes += chunk.length }).resume()
      // Everything has come when a second answer on each has come, or the connection has closed.
      await Promise.all(sockets.map(async socket => {
        if (socket.destroyed) return
        let last = ''
        socket.on('data', chunk => { last = (last + chunk.toString('latin1')).slice(-200) })
        socket.write(`GET /livez HTTP/1.1\r\nHost: 127.0.0.1:${service.port}\r\nConnection: close\r\n\r\n`)
        await Promise.race([once(socket, 'close'), eventually(() => socket.destroyed, 5000)])
      }))
      return bytes
    }
  }
}

test('long polling by clients that read nothing', async t => {
  const first = await connect(t, service.url, { token: bearer })
  const { epoch } = (await subscribe(first, 'history', 'board')).data
  const filler = 'x'.repeat(50_000)
  for (const n of upTo(400)) await publish(service.url, { workspaceId: 'history', appId: 'board', event: 'N', payload: `${n}${filler}` })
  first.close()
  const sessions = () => metric(service.url, 'roomcast_sockets')
  await eventually(async () => await sessions() === 0)

  for (const isNewConnection of [true, false]) {
    await t.test(`12 sessions that poll on ${isNewConnection ? 'ever new connections' : 'one connection'}: little is put on the way, and each is cut off`, async t => {
      const before = residentBytes(service)
      const pollers = await Promise.all(upTo(12).map(() => startPoller(t, { epoch, offset: 0 })))
      // As fast as the service answers: a poll that finds another one open would end the session by itself.
      for (let round = 0; round < 30; round++) {
        const answered = await metric(service.url, 'roomcast_deliveries_total')
        for (const poller of pollers) poller.poll(isNewConnection)
        await within(600, 'more was sent', eventually(async () => await metric(service.url, 'roomcast_deliveries_total') > answered)).catch(() => { round = 30 })
      }
      await eventually(async () => await sessions() === 0, 10_000)
      const grown = residentBytes(service) - before
      t.ok(grown < 100 * MIB, `the process grew by ${Math.round(grown / MIB)} MiB`)
      const held = await Promise.all(pollers.map(poller => poller.bytesHeld()))
      const most = Math.max(...held)
      t.ok(most < (isNewConnection ? 1.5 : 8) * MIB, `${Math.round(most / 1024)} KiB were put on the way to one of them`)
    })
  }

  await t.test('a session that asks once and then neither reads nor asks is cut off with a code', async t => {
    const hits = await limitHits(service.url, 'slow-client')
    const poller = await startPoller(t, { epoch, offset: 0 })
    poller.poll(true)
    await eventually(async () => await limitHits(service.url, 'slow-client') === hits + 1, 10_000)
    t.equal(await sessions(), 0)
    t.match(service.output(), /limit\/slow-client/)
  })

  await t.test('one that reads gets all of it, in order, and is not cut off', async t => {
    const hits = await limitHits(service.url, 'slow-client')
    const socket = await connect(t, service.url, { token: bearer, transports: ['polling'] })
    const follower = await follow(socket, 'history', 'board', { epoch, offset: 0 })
    await follower.until(400, 30_000)
    t.strictSame(follower.updates.map(({ offset }) => offset), upTo(400))
    t.strictSame(follower.faults, [])
    t.ok(socket.connected)
    t.equal(await limitHits(service.url, 'slow-client'), hits)
  })
})
