// Tests the main function of a running service from outside: `JWT_SECRET=… node scripts/smoke.js http://127.0.0.1:3000`
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { setTimeout as sleep } from 'node:timers/promises'
import { createSigner } from 'fast-jwt'
import { io } from 'socket.io-client'

const url = process.argv[2]
const room = { workspaceId: 'acme', appId: 'board-1' }
const token = createSigner({ key: process.env.JWT_SECRET, expiresIn: 60_000 })({
  sub: 'smoke',
  capabilities: { 'acme/board-1': ['subscribe', 'publish'] }
})
const deadline = AbortSignal.timeout(20_000)

await live()

const socket = io(url, { auth: { token }, reconnection: false })
socket.on('connect_error', error => { throw error })
await once(socket, 'connect', { signal: deadline })

const answer = await socket.timeout(5000).emitWithAck('application', { event: 'SUBSCRIBE', payload: room })
assert.equal(answer.status, 'SUCCESS', JSON.stringify(answer))

const arrived = once(socket, 'workspace_acme_app_board-1', { signal: deadline })
const response = await fetch(new URL('/api/v1/apps/', url), {
  method: 'PUT',
  headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
  body: JSON.stringify({ ...room, displayName: 'Smoke' }),
  signal: deadline
})
assert.equal(response.status, 200, await response.text())

const [update] = await arrived
assert.equal(update.event, 'UPDATE_APP')
assert.deepEqual(update.payload, { id: 'board-1', displayName: 'Smoke', workspaceID: 'acme' })
socket.close()
console.log('smoke: an update from PUT /api/v1/apps/ reached the subscriber')

async function live () {
  for (;;) {
    const isLive = await fetch(new URL('/livez', url), { signal: deadline }).then(answer => answer.ok, () => false)
    if (isLive) return
    deadline.throwIfAborted()
    await sleep(100)
  }
}
