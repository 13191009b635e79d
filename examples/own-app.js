// Roomcast inside one's own Fastify app: npm run build, JWT_SECRET=<32 bytes or more> node examples/own-app.js, then open /counter.
import { readFile } from 'node:fs/promises'
import { createSigner } from 'fast-jwt'
import Fastify from 'fastify'
import roomcast from 'roomcast'
import { createClient } from 'roomcast/client'

const { JWT_SECRET, PORT = '3000' } = process.env
const SECONDS = 600
if (JWT_SECRET === undefined) throw new Error('JWT_SECRET is missing: give 32 bytes or more, which sign the tokens of this app and verify them in Roomcast')
const app = Fastify({ logger: { level: 'warn' } })

// Settings come from the environment. The playground's files bring the client for browsers; an app with a bundler has its own.
await app.register(roomcast, { playground: true })

const sign = createSigner({ key: JWT_SECRET, expiresIn: SECONDS * 1000 })
const tokenFor = sub => sign({ sub, capabilities: { 'acme/counter': ['subscribe', 'publish', 'presence'] } })

const page = await readFile(new URL('counter.html', import.meta.url))
app.get('/counter', async (_request, reply) => reply.type('text/html; charset=utf-8').send(page))
// A real app knows from its session who asks.
app.get('/my/token', async ({ query }) => tokenFor(`visitor-${query.visitor}`))

// The app keeps its own state as a member of the room, so that the sum and its position belong together.
let sum = 0
app.get('/my/count', async (_request, reply) => room.isJoined ? { sum, position: room.position } : reply.code(503).send())

// The app publishes without HTTP and without a token; pages and its own room hear it like any other update.
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
