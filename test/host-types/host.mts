// A host in TypeScript, as it would be written elsewhere: compiled against the build by host-types.test.ts, never run.
// It imports the plugins that extend Fastify's types, and has decorators under names that Roomcast uses inside.
import '@fastify/cors'
import '@fastify/jwt'
import '@fastify/redis'
import Fastify, { type FastifyInstance } from 'fastify'
import roomcast, { RoomcastError, type ErrorCode, type Roomcast, type RoomcastOptions } from 'roomcast'

declare module 'fastify' {
  interface FastifyInstance {
    broker: 'of the host'
    io: 'of the host'
    metrics: { requests: number }
    publisher: 'of the host'
    sessions: 'of the host'
    settings: 'of the host'
  }
  interface FastifyRequest {
    identity: 'of the host'
  }
}

const options: RoomcastOptions = { env: { JWT_SECRET: process.env['JWT_SECRET'] }, documents: false, health: false, metrics: true, playground: true }
export const fastify = Fastify()
await fastify.register(roomcast, options)

export async function publishCard (): Promise<number> {
  try {
    const { offset, duplicate } = await fastify.roomcast.publisher.publish({
      workspaceId: 'acme', appId: 'board-1', event: 'CARD_MOVED', payload: { card: 7 }, userId: 'ann', id: 'move-7', ephemeral: false
    })
    return duplicate ? 0 : offset ?? 0
  } catch (error) {
    if (!(error instanceof RoomcastError)) throw error
    const code: ErrorCode = error.code
    return code === 'broker/timeout' && error.retryable ? error.status : 0
  }
}

export async function seesAndEnds ({ roomcast }: FastifyInstance): Promise<string[]> {
  const { collaborators, count } = await roomcast.presence.list({ workspaceId: 'acme', appId: 'board-1' })
  const { sockets, complete } = await roomcast.commands.execute({ do: 'disconnect', target: { userId: 'ann' } })
  const names: string[] = collaborators.map(({ displayName }) => displayName)
  const here: number = count + sockets + roomcast.sessions.size
  const subs: string[] = [...roomcast.sessions.all(), ...roomcast.sessions.ofUser('ann')].map(session => session.identity().sub)
  const faults: string[] = roomcast.readiness.faults()
  await roomcast.drain()
  return complete ? [...names, ...subs, ...faults, `${here}`, await roomcast.metrics.registry.metrics()] : []
}

// What must not compile, said in types: who publishes is required, and names are texts.
type Update = Parameters<Roomcast['publisher']['publish']>[0]
export const refusals: [
  Omit<Update, 'userId'> extends Update ? never : true,
  Omit<Update, 'payload'> extends Update ? never : true,
  number extends Update['event'] ? never : true
] = [true, true, true]
export const ofHost: ['of the host', number] = [fastify.broker, fastify.metrics.requests]
