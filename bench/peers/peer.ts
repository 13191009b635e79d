// What is measured side by side: how an instance is started, how a member gets in, how an update is published.
import { fileURLToPath } from 'node:url'
import { startChild, untilReady } from '../../test/helpers/child.ts'
import { freePort, HOST } from '../../test/helpers/ports.ts'
import type { Scope } from '../../test/helpers/scope.ts'
import type { Dialect, LoadRoom } from '../load/dialects.ts'
import { INSIDE } from '../measure/look-inside.ts'

export interface BenchServer {
  port: number
  pid: number
  /** Where it tells what only the process itself knows. */
  insidePort: number
}

export interface PublishCall {
  path: string
  headers: Record<string, string>
  body: string
}

export interface Peer {
  name: string
  launch (scope: Scope, redisUrl: string): Promise<BenchServer>
  dialect: Dialect
  /** @param data JSON */
  publishing (room: LoadRoom, data: string): PublishCall
}

const nameOf = ({ workspaceId, appId }: LoadRoom) => `${workspaceId}/${appId}`

/** A server of this folder. */
export function createPeer (name: string, server: string, dialect: Pick<Dialect, 'kind' | 'path'>, settings: Record<string, string> = {}): Peer {
  return {
    name,
    dialect: {
      ...dialect,
      subscribe: room => dialect.kind === 'raw' ? { subscribe: nameOf(room) } : ['subscribe', nameOf(room)]
    },

    async launch (scope, redisUrl) {
      const [port, insidePort] = [await freePort(), await freePort()]
      const child = await startChild(scope, process.execPath, [...INSIDE.args, fileURLToPath(new URL(server, import.meta.url))], {
        PATH: process.env['PATH'], PORT: String(port), REDIS_URL: redisUrl, ...INSIDE.env(insidePort), ...settings
      })
      await untilReady(child, name, async () => (await fetch(`http://${HOST}:${port}/ready`)).ok, 30_000)
      return { port, pid: child.pid, insidePort }
    },

    publishing: (room, data) => ({ path: '/publish', headers: { 'content-type': 'application/json' }, body: `{"room":"${nameOf(room)}","data":${data}}` })
  }
}
