// What browsers need and must not do: CORS by the same rule as for sockets, and security headers.
import helmet from '@fastify/helmet'
import fp from 'fastify-plugin'
import { RoomcastError } from '../services/wire/errors.ts'
import { isAllowedOrigin, listOrigins } from '../services/access/origin.ts'
import type { Settings } from '../services/settings.ts'

const PREFLIGHT_SECONDS = '600'
const HEADERS = { contentSecurityPolicy: { directives: { defaultSrc: ["'none'"], frameAncestors: ["'none'"] } } }

export default fp<{ settings: Settings }>(async (fastify, { settings }) => {
  const origins = listOrigins(settings.CORS_ORIGINS)

  // For a host's @fastify/cors and @fastify/helmet, whose hooks run here too. We have no @fastify/cors: it takes `OPTIONS *`, which a server has once.
  fastify.addHook('onRoute', route => { route.config = Object.assign({ cors: false, helmet: HEADERS }, route.config) })
  fastify.addHook('onRequest', async ({ headers, method }, reply) => {
    const { origin } = headers
    if (!isAllowedOrigin(origin, headers.host, origins)) throw new RoomcastError('auth/foreign-origin')
    reply.header('Vary', 'Origin')
    if (origin !== undefined) reply.headers({ 'Access-Control-Allow-Origin': origin, 'Access-Control-Allow-Credentials': 'true', 'Access-Control-Expose-Headers': 'Retry-After' })
    // Before any hook that asks for a token: browsers send none with a preflight.
    if (method === 'OPTIONS') {
      return reply.code(204).headers({
        'Access-Control-Allow-Methods': 'GET, HEAD, POST, PUT',
        'Access-Control-Allow-Headers': headers['access-control-request-headers'] ?? '',
        'Access-Control-Max-Age': PREFLIGHT_SECONDS
      }).send()
    }
  })
  await fastify.register(helmet, HEADERS)
}, { name: 'browsers', fastify: '5.x' })
