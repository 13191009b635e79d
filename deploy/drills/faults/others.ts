// Faults of clients, of the receiver of the webhook, and of a setting.
import { call, publish } from '../../../test/helpers/http.ts'
import { rawSession, type RawWebSocket } from '../../../test/helpers/raw.ts'
import type { Scope } from '../../../test/helpers/scope.ts'
import { connect, subscribe, unsubscribe } from '../../../test/helpers/socket.ts'
import { token } from '../../../test/helpers/token.ts'
import { repeat, type Drill } from '../drill.ts'
import type { Node, Site } from '../site.ts'

const bearer = token({ sub: 'importer' })
/** More than the kernel takes for a connection that nobody reads. */
const UPDATES = 400
const LARGE = 'x'.repeat(40_000)

async function joinRaw (scope: Scope, { instance }: Node, appId: string): Promise<RawWebSocket> {
  const raw = await rawSession(scope, instance.url, token({ sub: 'sleeper' }))
  raw.send(`42${JSON.stringify(['application', { event: 'SUBSCRIBE', payload: { workspaceId: 'demo', appId } }])}`)
  await raw.frame('42')
  return raw
}

async function publishMuch ({ nodes: [, node] }: Site, appId: string): Promise<void> {
  let left = UPDATES
  await Promise.all(Array.from({ length: 8 }, async () => {
    while (left-- > 0) await publish(node.instance.url, { workspaceId: 'demo', appId, event: 'ROW', payload: LARGE }, bearer)
  }))
}

/** Clients that stop to read while much is published. @returns them, to be woken */
async function fallAsleep (site: Site, scope: Scope, appId: string): Promise<RawWebSocket[]> {
  const sleepers = await Promise.all(Array.from({ length: 4 }, () => joinRaw(scope, site.nodes[0], appId)))
  for (const { socket } of sleepers) socket.pause()
  await publishMuch(site, appId)
  return sleepers
}

export const otherDrills: Drill[] = [
  {
    alert: 'RoomcastSendBuffersFull',
    fault: 'four clients stop to read, and 16 MB are published to their room',
    says: 'ends those that read nothing',
    mended: 'the clients read again',
    async breaks (site, scope) {
      const sleepers = await fallAsleep(site, scope, 'frozen')
      return async () => { for (const { socket } of sleepers) socket.resume() }
    }
  },
  {
    alert: 'RoomcastSlowClients',
    fault: 'again and again four clients stop to read, and are cut off',
    says: 'the network in front of nginx',
    mended: 'no client stopped to read any more',
    async breaks (site, scope) {
      let round = 0
      return repeat(scope, 1000, async () => {
        for (const { socket } of await fallAsleep(site, scope, `asleep-${round++}`)) socket.once('close', () => socket.terminate())
      })
    }
  },
  {
    alert: 'RoomcastHistoryTooShort',
    fault: 'HISTORY_SIZE=5, and clients come back after 30 updates',
    says: 'raise `HISTORY_SIZE`',
    mended: 'HISTORY_SIZE=1000, instance by instance',
    async breaks ({ nodes, nginx, restart }, scope) {
      for (const node of nodes) await restart(node, { HISTORY_SIZE: '5' })
      const socket = await connect(scope, nginx.url, { token: token({ sub: 'returner' }), reconnection: true, transports: ['websocket'] })
      let room = 0
      repeat(scope, 500, async () => {
        const appId = `left-${room++}`
        try {
          const updates = Array.from({ length: 30 }, () => ({ workspaceId: 'demo', appId, event: 'ROW', payload: 1 }))
          const { body } = await call<{ results: Array<{ data: { epoch: string } }> }>(nginx.internalUrl, 'POST', '/api/v1/publish/batch', { token: bearer, body: { updates } })
          await subscribe(socket, 'demo', appId, { epoch: body.data.results[0]?.data.epoch ?? '', offset: 1 })
          await unsubscribe(socket, 'demo', appId)
        } catch { /* The instance is restarting: the next room. */ }
      })
      return async () => { for (const node of nodes) await restart(node) }
    }
  },
  {
    alert: 'RoomcastWebhookDrops',
    fault: 'the receiver of the webhook answers 500, and rooms open and close',
    says: 'restore it',
    mended: 'the receiver answers 200 again',
    look: { at: async ({ nodes }) => nodes.map(({ instance }) => instance.output()).join(''), finds: /the receiver answered 500/ },
    async breaks (site, scope) {
      site.receiver.status = 500
      const socket = await connect(scope, site.nginx.url, { token: token({ sub: 'visitor' }), reconnection: true, transports: ['websocket'] })
      let room = 0
      repeat(scope, 100, async () => {
        const appId = `visited-${room++}`
        await subscribe(socket, 'demo', appId).catch(() => { /* The next room. */ })
        await unsubscribe(socket, 'demo', appId).catch(() => { /* The next room. */ })
      })
      return async () => { site.receiver.status = 200 }
    }
  }
]
