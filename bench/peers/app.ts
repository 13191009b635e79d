// What every peer's server has: POST /publish, and a route that tells that it is up.
import Fastify, { type FastifyInstance } from 'fastify'
import { HOST } from '../../test/helpers/ports.ts'

export interface Published {
  room: string
  data: unknown
}

/** The answer waits for what `publish` returns. */
export function createPeerApp (publish: (published: Published) => Promise<void>): FastifyInstance {
  const app = Fastify()
  app.post<{ Body: Published }>('/publish', async (request, reply) => {
    await publish(request.body)
    return await reply.code(202).send({ accepted: true })
  })
  app.get('/ready', async () => ({ ready: true }))
  return app
}

export async function listen (app: FastifyInstance): Promise<void> {
  await app.listen({ port: Number(process.env['PORT']), host: HOST, backlog: 4096 })
}
