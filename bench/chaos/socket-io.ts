// Stock Socket.IO under test, with a given adapter.
import { fileURLToPath } from 'node:url'
import { io } from 'socket.io-client'
import { startChild, untilReady } from '../../test/helpers/child.ts'
import { eventually } from '../../test/helpers/eventually.ts'
import { freePort, HOST } from '../../test/helpers/ports.ts'
import { RECONNECTION, type Service } from './service.ts'
import type { Item } from './tally.ts'

const ROOM = 'room'
const server = fileURLToPath(new URL('../peers/socket-io-server.js', import.meta.url))

export function socketIo (adapter: 'pubsub' | 'streams'): Service {
  return {
    name: adapter === 'streams' ? 'redis-streams-adapter + recovery' : 'redis-adapter',

    async launch (scope, redisUrl) {
      const port = await freePort()
      const url = `http://${HOST}:${port}`
      const child = await startChild(scope, process.execPath, [server], { PATH: process.env['PATH'], PORT: String(port), REDIS_URL: redisUrl, ADAPTER: adapter })
      const isReady = async () => (await fetch(`${url}/ready`)).ok
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
      return (await fetch(`${url}/publish`, { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify({ room: ROOM, data: item }), signal })).ok
    },

    async follow (scope, url, tally) {
      const socket = io(url, { ...RECONNECTION, forceNew: true })
      scope.teardown(() => { socket.close() })
      let hasJoined = false
      socket.on('update', (item: Item) => tally.onItem(item))
      await new Promise<void>(resolve => {
        socket.on('connect', () => {
          if (socket.recovered) return
          if (hasJoined) tally.onTold()
          socket.emit('subscribe', ROOM, () => {
            hasJoined = true
            resolve()
          })
        })
      })
    }
  }
}
