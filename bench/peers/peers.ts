// Everything that can be measured, by name. Roomcast comes first: the others are what it is compared with.
import { startInstance } from '../../test/helpers/instance.ts'
import { freePort } from '../../test/helpers/ports.ts'
import { token } from '../../test/helpers/token.ts'
import { INSIDE } from '../measure/look-inside.ts'
import type { Dialect, LoadRoom } from '../load/dialects.ts'
import { createPeer, type Peer } from './peer.ts'

export const ROOMCAST = 'Roomcast'
/** What recovery for stock clients costs is the difference to it. */
export const WITHOUT_POSITIONS = 'Roomcast, clients without positions'
/** What ratios are taken to. */
export const REFERENCE = 'Socket.IO, Redis adapter'

export const SOCKET_IO_PATH = '/socket.io/?EIO=4&transport=websocket'
const UNLIMITED = '1000000'

/** Limits that one machine's load alone would reach; everything else is as it comes. */
export const WIDE_LIMITS = {
  NODE_ENV: 'production',
  CONNECTIONS_PER_SECOND: UNLIMITED,
  CONNECTION_BURST: UNLIMITED,
  PUBLISHES_PER_SECOND: UNLIMITED,
  PUBLISH_BURST: '10000',
  DRAIN_SECONDS: '1'
}

/** As a backend has: for a day, and the same at every call. */
export const publisherToken = token({ sub: 'bench', exp: Math.floor(Date.now() / 1000) + 24 * 3600, capabilities: { '*/*': ['publish'] } })
let members = 0

const dialect = {
  kind: 'socket.io',
  path: SOCKET_IO_PATH,
  auth: () => ({ token: token({ sub: `member-${members++}`, capabilities: { '*/*': ['subscribe'] } }) }),
  subscribe: (payload: LoadRoom) => ['application', { event: 'SUBSCRIBE', payload }]
} satisfies Dialect

const roomcast: Peer = {
  name: ROOMCAST,
  dialect,

  async launch (scope, redisUrl) {
    const insidePort = await freePort()
    const { port, pid, ready } = await startInstance(scope, {
      ...WIDE_LIMITS, REDIS_URL: redisUrl, NODE_OPTIONS: INSIDE.args.join(' '), ...INSIDE.env(insidePort)
    })
    await ready()
    return { port, pid, insidePort }
  },

  publishing: ({ workspaceId, appId }, data) => ({
    path: '/api/v1/publish',
    headers: { 'content-type': 'application/json', authorization: `Bearer ${publisherToken}` },
    body: `{"workspaceId":"${workspaceId}","appId":"${appId}","event":"E","payload":${data}}`
  })
}

const socketIo = { kind: 'socket.io', path: SOCKET_IO_PATH } as const

export const peers: Peer[] = [
  roomcast,
  createPeer(REFERENCE, 'socket-io-server.js', socketIo, { ADAPTER: 'pubsub' }),
  createPeer('Socket.IO, one channel by hand', 'socket-io-server.js', socketIo, { ADAPTER: 'none' }),
  createPeer('raw ws', 'raw-ws-server.js', { kind: 'raw', path: '/' })
]

const withoutPositions: Peer = { ...roomcast, name: WITHOUT_POSITIONS, dialect: { ...dialect, auth: () => ({ ...dialect.auth(), positions: false }) } }

/** @throws Error when there is none of that name */
export function peerOf (name: string): Peer {
  const found = [...peers, withoutPositions].find(peer => peer.name === name)
  if (found === undefined) throw new Error(`no peer ${name}; there are ${peers.map(peer => peer.name).join('; ')}`)
  return found
}
