// The backend of the board: Roomcast in a Fastify app, tokens for every visitor, and the board with its position.
import { randomBytes } from 'node:crypto'
import { existsSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import fastifyStatic from '@fastify/static'
import { createClient } from '@roomcast/client'
import { createSigner } from 'fast-jwt'
import Fastify from 'fastify'
import roomcast from 'roomcast'

const { PORT = '3000', JWT_SECRET = randomBytes(32).toString('hex') } = process.env
const dist = fileURLToPath(new URL('dist', import.meta.url))
const app = Fastify({ logger: { level: 'warn' } })
await app.register(roomcast, { env: { ...process.env, JWT_SECRET } })
if (existsSync(dist)) await app.register(fastifyStatic, { root: dist })

const sign = createSigner({ key: JWT_SECRET, expiresIn: 600_000 })
// A real app takes the user and their rights from its session.
app.get('/api/token', async ({ query: { user, name } }) => sign({ sub: `user-${user}`, name, capabilities: { 'acme/board': ['subscribe', 'publish', 'presence'] } }))

// A real app has a database. This one follows the room as a member, so that cards and position match.
let cards = ['Write it down', 'Try it out', 'Show it'].map((title, n) => ({ id: `card-${n + 1}`, title, column: 'To do' }))
app.get('/api/board', async (request, reply) => room.position ? { cards, position: room.position } : reply.code(503).send())

const address = await app.listen({ host: '127.0.0.1', port: Number(PORT) })
const client = createClient(address, { token: () => sign({ sub: 'board', capabilities: { 'acme/board': ['subscribe'] } }) })
const room = client.room('acme', 'board')
room.on('CARD_MOVED', ({ payload: { card, column } }) => {
  cards = cards.map(one => one.id === card ? { ...one, column: String(column) } : one)
})
room.on('joined', () => console.log(`The board is at ${address}`))

process.once('SIGTERM', async () => {
  client.close()
  await app.roomcast.drain()
  await app.close()
})
