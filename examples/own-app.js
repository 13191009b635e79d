// Roomcast inside your own Fastify app. Run npm run build, then JWT_SECRET=<32 bytes or more> node examples/own-app.js, and open /counter.
import { readFile } from 'node:fs/promises'
import { createSigner } from 'fast-jwt'
import Fastify from 'fastify'
import roomcast from 'roomcast'
import { createClient } from '@roomcast/client'

const { JWT_SECRET, PORT = '3000' } = process.env
const SECONDS = 600
if (JWT_SECRET === undefined) throw new Error('JWT_SECRET is missing: set it to 32 bytes or more; the app signs tokens with it, and Roomcast verifies them')
const app = Fastify({ logger: { level: 'warn' } })

// Settings come from the environment. The playground serves the client for browsers; an app with a bundler does not need it.
await app.register(roomcast, { playground: true })

const sign = createSigner({ key: JWT_SECRET, expiresIn: SECONDS * 1000 })
const tokenFor = sub => sign({ sub, capabilities: { 'acme/counter': ['subscribe', 'publish', 'presence'] } })

const page = await readFile(new URL('counter.html', import.meta.url))
app.get('/counter', async (_request, reply) => reply.type('text/html; charset=utf-8').send(page))
// A real app takes the user from its session.
app.get('/my/token', async ({ query }) => tokenFor(`visitor-${query.visitor}`))

// The app keeps its state as a member of the room, so that the sum matches its position.
let sum = 0
app.get('/my/count', async (_request, reply) => room.isJoined ? { sum, position: room.position } : reply.code(503).send())

// The app publishes without HTTP and without a token. Pages and its own room receive it like any other update.
app.post('/my/count', async () => await app.roomcast.publisher.publish({
  workspaceId: 'acme', appId: 'counter', event: 'ADDED', payload: 1, userId: 'counter-app'
}))

const address = await app.listen({ host: '127.0.0.1', port: Number(PORT) })
const client = createClient(address, { token: () => tokenFor('counter-app') })
const room = client.room('acme', 'counter')
room.on('ADDED', ({ payload }) => { sum += Number(payload) })
room.on('joined', () => console.log(`The counter is at ${address}/counter`))
room.on('error', error => console.error(error))

process.once('SIGTERM', async () => {
  client.close()
  await app.roomcast.drain()
  await app.close()
})
