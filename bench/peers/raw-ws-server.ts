// Bare `ws` and one channel of Redis: a frame is made once an update, and the same bytes are written to every member. About
// as little as a server on Node can do.
import { Redis } from 'ioredis'
import { WebSocketServer } from 'ws'
import type { Socket } from 'node:net'
import { createPeerApp, listen } from './app.ts'

const CHANNEL = 'updates'
const NEWLINE = 10
const { REDIS_URL = '' } = process.env
const members = new Map<string, Set<Socket>>()
const publisher = new Redis(REDIS_URL)
const subscriber = new Redis(REDIS_URL)

const app = createPeerApp(async ({ room, data }) => { await publisher.publish(CHANNEL, `${room}\n${JSON.stringify(data)}`) })

subscriber.on('messageBuffer', (_: Buffer, message: Buffer) => {
  const cut = message.indexOf(NEWLINE)
  const sockets = members.get(message.toString('latin1', 0, cut))
  if (sockets === undefined) return
  const frame = textFrame(message.subarray(cut + 1))
  for (const socket of sockets) socket.write(frame)
})
await subscriber.subscribe(CHANNEL)

new WebSocketServer({ server: app.server, perMessageDeflate: false }).on('connection', (ws, { socket }) => {
  const rooms: string[] = []
  ws.on('message', text => {
    const { subscribe: room } = JSON.parse(String(text)) as { subscribe: string }
    const sockets = members.get(room) ?? new Set()
    members.set(room, sockets.add(socket))
    rooms.push(room)
    ws.send('{"subscribed":true}')
  })
  ws.on('close', () => {
    for (const room of rooms) {
      members.get(room)?.delete(socket)
      if (members.get(room)?.size === 0) members.delete(room)
    }
  })
})

function textFrame (body: Buffer): Buffer {
  const head = body.length < 126 ? Buffer.from([0x81, body.length]) : Buffer.from([0x81, 126, body.length >> 8, body.length & 255])
  return Buffer.concat([head, body])
}

await listen(app)
