// The connections of an engine: each is forgotten when it has ended, however that came.
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { Server } from 'socket.io'
import { test, type Test } from 'tap'
import { WebSocket } from 'ws'
import { createMetrics } from '../../services/observe/metrics.ts'
import { createConnections } from '../../services/sessions/connections.ts'
import type { Connection } from '../../services/sessions/send-buffer.ts'
import { readSettings } from '../../services/settings/read.ts'
import { eventually, HOST, silentLog } from '../helpers/index.ts'

async function startEngine (t: Test, env: Record<string, string>) {
  const server = createServer()
  const { engine } = new Server(server)
  const connections = createConnections({ engine, flush () {}, settings: readSettings(env), metrics: createMetrics(), log: silentLog })
  server.listen(0, HOST)
  await once(server, 'listening')
  t.teardown(async () => {
    await connections.close()
    server.close()
  })
  const isKnown = (connection: Connection) => {
    try {
      return connections.bufferOf(connection) !== undefined
    } catch {
      return false
    }
  }
  return {
    connections,
    isKnown,
    async open () {
      const [[connection]] = await Promise.all([
        once(engine, 'connection') as Promise<[Connection]>,
        once(new WebSocket(`ws://${HOST}:${(server.address() as AddressInfo).port}/socket.io/?EIO=4&transport=websocket`).on('error', () => {}), 'open')
      ])
      return connection
    }
  }
}

test('a connection that never authenticates is ended and forgotten', async t => {
  const { open, isKnown } = await startEngine(t, { AUTH_TIMEOUT_MS: '300' })
  const connection = await open()
  t.ok(isKnown(connection))
  await eventually(() => connection.readyState === 'closed')
  t.notOk(isKnown(connection))
})

test('so is one that ends by itself, and one whose session has ended', async t => {
  const { open, isKnown, connections } = await startEngine(t, {})
  const [left, ended] = [await open(), await open()]
  for (const connection of [left, ended]) connections.onAuthenticated(connection)
  left.transport.close()
  await eventually(() => left.readyState === 'closed')
  t.notOk(isKnown(left))
  t.ok(isKnown(ended), 'the other is still there')
  connections.onSessionEnd(ended)
  await eventually(() => !isKnown(ended))
  t.equal(ended.readyState, 'closed')
})
