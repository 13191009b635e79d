// Serves the playground at `/`, and the client for browsers. Outside production only.
import { createHash } from 'node:crypto'
import { readdir, readFile } from 'node:fs/promises'
import { Type, type FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import type {} from '@fastify/swagger'
import fp from 'fastify-plugin'
import { demoClaims, demoUsers, type DemoUser } from '../services/access/demo.ts'
import { RoomcastError } from '../services/wire/errors.ts'
import { Answer, Failure, success } from '../services/wire/protocol.ts'
import type { Settings } from '../services/settings.ts'
import type { Authenticator } from './auth.ts'

const types: Record<string, string> = {
  html: 'text/html; charset=utf-8',
  css: 'text/css; charset=utf-8',
  js: 'text/javascript; charset=utf-8'
}

const playground: FastifyPluginAsyncTypebox<{ settings: Settings, authenticator: Authenticator }> = async (fastify, { settings, authenticator }) => {
  if (settings.NODE_ENV === 'production') return
  const importmap = JSON.stringify({ imports: { 'socket.io-client': `${settings.SOCKET_PATH}socket.io.esm.min.js` } })
  const page = (await readFile(new URL('../playground/index.html', import.meta.url), 'utf8'))
    .replace('{{importmap}}', () => importmap)
    .replace('{{socketPath}}', () => settings.SOCKET_PATH)

  fastify.get('/', { schema: { hide: true } }, async (_request, reply) =>
    reply.headers({ 'Content-Type': types['html'], 'Cache-Control': 'no-cache', 'Content-Security-Policy': pagePolicy(importmap) }).send(page))

  await serve('playground', 'playground')
  await serve('client', 'client/src')

  /** Serves a few files. Each is read once and has its own route, so that no path can reach other files. */
  async function serve (path: string, folder: string): Promise<void> {
    const base = new URL(`../${folder}/`, import.meta.url)
    for (const file of await readdir(base)) {
      const type = types[file.slice(file.lastIndexOf('.') + 1)]
      if (type === undefined || file === 'index.html') continue
      const content = await readFile(new URL(file, base), 'utf8')
      fastify.get(`/${path}/${file}`, { schema: { hide: true } }, async (_request, reply) => reply.type(type).header('Cache-Control', 'no-cache').send(content))
    }
  }

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

/** Allows only own files and sockets, and the import map as the one inline script. */
function pagePolicy (importmap: string): string {
  const hash = createHash('sha256').update(importmap).digest('base64')
  return [
    "default-src 'none'",
    `script-src 'self' 'sha256-${hash}'`,
    "style-src 'self'",
    "img-src 'self' data:",
    "connect-src 'self'",
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'"
  ].join(';')
}
