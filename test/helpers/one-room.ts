// One room over bare Socket.IO: the relay and the connections, with nothing of the service above them.
import { once } from 'node:events'
import { createServer as createHttpServer } from 'node:http'
import { createServer as createHttpsServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import { Server, type Socket } from 'socket.io'
import type { Test } from 'tap'
import type { EphemeralUpdate, StoredUpdate } from '../../services/broker/broker.ts'
import type { Member } from '../../services/feeds/member.ts'
import { createEntry } from '../../services/feeds/batch.ts'
import { createRelay, type Relay } from '../../services/feeds/relay.ts'
import { createTurn } from '../../services/feeds/turn.ts'
import { createMetrics, type Metrics } from '../../services/observe/metrics.ts'
import { createConnections, type Connections } from '../../services/sessions/connections.ts'
import { limitControlFrames } from '../../services/sessions/control-frames.ts'
import { readSettings } from '../../services/settings/read.ts'
import { TEST_CERTIFICATE, TEST_CERTIFICATE_KEY } from './certificate.ts'
import { connect, roomEvent } from './socket.ts'
import { eventually } from './eventually.ts'
import { openWebSocket } from './raw.ts'

const silent = { debug () {}, info () {}, warn () {}, error () {} }
const EVENT = roomEvent('acme', 'board')

export interface World {
  url: string
  relay: Relay
  connections: Connections
  /** The server's side of the sockets, in the order in which they came. */
  sockets: Socket[]
  metrics: Metrics
  /** The next updates of the room, all in this turn. */
  publish (count: number, bytes?: number): void
  publishEphemeral (): void
}

/** One room whose members are all who connect, with nothing of the service above it. */
export async function startWorld (t: Test, env: Record<string, string> = {}, isSecure = false): Promise<World> {
  const settings = readSettings(env)
  const metrics = createMetrics()
  const http = isSecure ? createHttpsServer({ key: TEST_CERTIFICATE_KEY, cert: TEST_CERTIFICATE }) : createHttpServer()
  const io = new Server(http, {
    wsEngine: limitControlFrames({ onHeld: webSocket => connections.onHeld(webSocket), settings, metrics, log: silent }),
    perMessageDeflate: false,
    httpCompression: false
  })
  const turn = createTurn()
  const connections = createConnections({ engine: io.engine, flush: turn.end, settings, metrics, log: silent })
  const sockets: Socket[] = []
  const demoted: Member[] = []
  const relay = createRelay({
    room: 'acme/board',
    turn,
    maxBytes: settings.MAX_BUFFERED_BYTES / 4,
    membersPerTurn: settings.MEMBERS_PER_TURN,
    behind: () => demoted,
    demote: member => { demoted.push(member) },
    size: () => sockets.length,
    metrics
  })
  io.on('connection', socket => {
    connections.onAuthenticated(socket.conn)
    const buffer = connections.bufferOf(socket.conn)
    const member: Member = {
      position: 0,
      deliver: ({ packet }) => buffer.send(packet),
      isFull: () => buffer.isFull(),
      isLagging: () => buffer.lagging() > settings.EPHEMERAL_MAX_BUFFERED_BYTES,
      whenDrained: callback => buffer.whenDrained(callback),
      end () {}
    }
    relay.join(member)
    socket.on('disconnect', () => {
      relay.leave(member)
      connections.onSessionEnd(socket.conn)
    })
    sockets.push(socket)
  })
  http.listen(0, '127.0.0.1')
  await once(http, 'listening')
  t.teardown(async () => {
    await connections.close()
    await io.close()
  })
  const about = { epoch: 'e', publishedAt: Date.now(), userId: 'ann' }
  let offset = 0
  return {
    url: `${isSecure ? 'https' : 'http'}://127.0.0.1:${(http.address() as AddressInfo).port}`,
    relay,
    connections,
    sockets,
    metrics,
    publish (count, bytes = 10) {
      for (let i = 0; i < count; i++) {
        const shown = { ...about, offset: ++offset, id: `${offset}`, event: 'E', payload: 'x'.repeat(bytes) }
        const update: StoredUpdate = { ...shown, kind: 'update', json: JSON.stringify(shown) }
        relay.add(createEntry('acme/board', update))
      }
    },
    publishEphemeral () {
      const shown = { ...about, id: 'e', event: 'CURSOR', payload: 1 }
      const update: EphemeralUpdate = { ...shown, kind: 'ephemeral', json: JSON.stringify(shown) }
      relay.add(createEntry('acme/board', update))
    }
  }
}

export type Listener = Awaited<ReturnType<typeof listen>>

/** What a client hears, in order: the offsets of updates, and the names of other events. */
export async function listen (t: Test, url: string, transports: string[], options = {}) {
  const heard: Array<number | string> = []
  const client = await connect(t, url, { transports, ...options })
  client.onAny((event: string, data: { offset?: number } | undefined) => heard.push(event === EVENT ? data?.offset ?? 'ephemeral' : event))
  return { client, heard }
}

/** A client of raw frames that stops reading once it is connected. */
export async function listenAndPause (t: Test, { url, sockets }: World, options = {}): Promise<Socket> {
  const raw = await openWebSocket(t, url, options)
  raw.send('40')
  await raw.frame('40')
  raw.socket.pause()
  return sockets.at(-1) as Socket
}

/** More than a socket takes for a client that does not read, at the pace at which all readers have it. */
export async function publishMuch ({ publish }: World, readers: Listener[], total: number): Promise<void> {
  const before = readers.map(({ heard }) => heard.length)
  for (let sent = 0; sent < total; sent += 4) {
    publish(4, 50_000)
    await eventually(() => readers.every(({ heard }, i) => heard.length >= (before[i] as number) + sent + 4), 10_000)
  }
}
