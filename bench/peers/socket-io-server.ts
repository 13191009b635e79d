// A stock Socket.IO server behind Fastify, with one of its Redis adapters, set up as its documentation says. Without an
// adapter the instances share one channel of Redis by hand.
import { createAdapter as createPubSubAdapter } from '@socket.io/redis-adapter'
import { createAdapter as createStreamsAdapter } from '@socket.io/redis-streams-adapter'
import { Redis } from 'ioredis'
import { Server, type ServerOptions } from 'socket.io'
import { createPeerApp, listen } from './app.ts'

const CHANNEL = 'updates'
const { REDIS_URL = '', ADAPTER } = process.env

function connect (): Redis {
  // The adapters were written for protocol 2.
  const client = new Redis(REDIS_URL, { protocol: 2 })
  client.on('error', (error: Error) => console.error(error.message))
  return client
}

function options (): Partial<ServerOptions> {
  if (ADAPTER === 'streams') return { adapter: createStreamsAdapter(connect()), connectionStateRecovery: {} }
  return ADAPTER === 'pubsub' ? { adapter: createPubSubAdapter(connect(), connect()) } : {}
}

const channel = ADAPTER === 'none' ? connect() : undefined
const app = createPeerApp(async ({ room, data }) => {
  if (channel === undefined) io.to(room).emit('update', data)
  else await channel.publish(CHANNEL, JSON.stringify({ room, data }))
})
const io = new Server(app.server, { ...options(), serveClient: false })

io.on('connection', socket => {
  socket.on('subscribe', async (room: string, done: (isIn: boolean) => void) => {
    await socket.join(room)
    done(true)
  })
})

if (channel !== undefined) {
  const subscriber = connect()
  subscriber.on('message', (_, message) => {
    const { room, data } = JSON.parse(message) as { room: string, data: unknown }
    io.to(room).emit('update', data)
  })
  await subscriber.subscribe(CHANNEL)
}

// An uncaught error of an adapter must not end the server, because that is not compared here.
process.on('unhandledRejection', error => console.error(error))
await listen(app)
