// Serves the playground at `/`, and the client for browsers. Outside production only.
import { Type, type FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import fp from 'fastify-plugin'
import { demoClaims, demoUsers, type DemoUser } from '../services/access/demo.ts'
import { RoomcastError } from '../services/wire/errors.ts'
import { Answer, Failure, success } from '../services/wire/protocol.ts'
import type { Settings } from '../services/settings.ts'
import type { Authenticator } from './auth.ts'
import { serveFolder, servePage } from './static-page.ts'

const playground: FastifyPluginAsyncTypebox<{ settings: Settings, authenticator: Authenticator }> = async (fastify, { settings, authenticator }) => {
  if (settings.NODE_ENV === 'production') return
  const importmap = JSON.stringify({ imports: { 'socket.io-client': `${settings.SOCKET_PATH}socket.io.esm.min.js` } })
  await servePage(fastify, '/', 'playground', { importmap, socketPath: settings.SOCKET_PATH })
  await serveFolder(fastify, 'playground', 'pages')
  await serveFolder(fastify, 'playground', 'playground')
  await serveFolder(fastify, 'client', 'client/src')

  fastify.post('/playground/token', {
    schema: {
      hide: true,
      body: Type.Object({ user: Type.Unsafe<DemoUser>(Type.String({ enum: demoUsers })) }),
      response: { 200: Answer(Type.Object({ token: Type.String() })), '4xx': Failure }
    }
  }, async ({ body }, reply) => {
    // With a configured key, only the issuer makes tokens.
    if (authenticator.signDemo === undefined) throw new RoomcastError('request/not-found', 'There are no demo tokens, because a key is configured.')
    reply.header('Cache-Control', 'no-store')
    return success({ token: authenticator.signDemo(demoClaims(body.user)) })
  })
}

export default fp(playground, { name: 'playground', fastify: '5.x', dependencies: ['browsers'] })
