// Stock Socket.IO under test, with a given adapter.
import { fileURLToPath } from 'node:url'
import { io } from 'socket.io-client'
import { startChild, untilReady } from '../../test/helpers/child.ts'
import { eventually } from '../../test/helpers/eventually.ts'
import { freePort, HOST } from '../../test/helpers/ports.ts'
import { RECONNECTION, type Service } from '../chaos/service.ts'
import type { Item } from '../chaos/tally.ts'

const server = fileURLToPath(new URL('server.js', import.meta.url))

export function socketIo (adapter: 'pubsub' | 'streams'): Service {
  return {
    name: adapter === 'streams' ? 'redis-streams-adapter + recovery' : 'redis-adapter',

    async launch (scope, redisUrl) {
      const port = await freePort()
      const url = `http://${HOST}:${port}`
      const child = await startChild(scope, process.execPath, [server], { PATH: process.env['PATH'], PORT: String(port), REDIS_URL: redisUrl, ADAPTER: adapter })
      const isReady = async () => (await fetch(url)).ok
      await untilReady(child, 'the server', isReady, 30_000)
      return {
        url,
        port,
        pid: child.pid,
        kill: child.kill,
        pause: child.pause,
        resume: child.resume,
        async ready (timeoutMs) { await eventually(isReady, timeoutMs) }
      }
    },

    async publish (url, item, signal) {
      return (await fetch(`${url}/publish`, { method: 'POST', body: JSON.stringify(item), signal })).ok
    },

    async follow (scope, url, tally) {
      const socket = io(url, { ...RECONNECTION, forceNew: true })
      scope.teardown(() => { socket.close() })
      let hasJoined = false
      socket.on('item', (item: Item) => tally.onItem(item))
      socket.on('connect', () => { if (hasJoined && !socket.recovered) tally.onTold() })
      await new Promise<void>(resolve => {
        socket.on('joined', () => {
          hasJoined = true
          resolve()
        })
      })
    }
  }
}
