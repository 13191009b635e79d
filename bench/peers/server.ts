// A stock Socket.IO server with a Redis adapter, set up as its documentation says. POST /publish emits to a room.
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { text } from 'node:stream/consumers'
import { createAdapter as createPubSubAdapter } from '@socket.io/redis-adapter'
import { createAdapter as createStreamsAdapter } from '@socket.io/redis-streams-adapter'
import { Redis } from 'ioredis'
import { Server } from 'socket.io'

const ROOM = 'room'
const { PORT, REDIS_URL = '', ADAPTER } = process.env

function connect (): Redis {
  // The adapters were written for protocol 2.
  const client = new Redis(REDIS_URL, { protocol: 2 })
  client.on('error', (error: Error) => console.error(error.message))
  return client
}

const adapter = ADAPTER === 'streams' ? createStreamsAdapter(connect()) : createPubSubAdapter(connect(), connect())
const http = createServer((request, response) => {
  onRequest(request, response).catch((error: unknown) => {
    console.error(error)
    response.writeHead(500).end()
  })
})
const io = new Server(http, { adapter, ...ADAPTER === 'streams' && { connectionStateRecovery: {} } })

io.on('connection', async socket => {
  await socket.join(ROOM)
  socket.emit('joined')
})

async function onRequest (request: IncomingMessage, response: ServerResponse): Promise<void> {
  if (request.method === 'POST' && request.url === '/publish') io.to(ROOM).emit('item', JSON.parse(await text(request)))
  response.writeHead(200).end()
}

// An uncaught error of an adapter must not end the server, because that is not compared here.
process.on('unhandledRejection', error => console.error(error))
http.listen(Number(PORT), '127.0.0.1')
