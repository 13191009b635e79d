// What browsers need and must not do: CORS by the same rule as for sockets, and security headers.
import type { IncomingMessage, ServerResponse } from 'node:http'
import fp from 'fastify-plugin'
import helmet from 'helmet'
import { RoomcastError } from '../services/wire/errors.ts'
import { isAllowedOrigin, listOrigins } from '../services/access/origin.ts'
import type { Settings } from '../services/settings.ts'

const PREFLIGHT_SECONDS = '600'

export default fp<{ settings: Settings }>(async (fastify, { settings }) => {
  const origins = listOrigins(settings.CORS_ORIGINS)
  const common = { ...securityHeaders(), vary: 'Origin' }

  // For a host's @fastify/cors and @fastify/helmet, whose hooks run here too. We have no @fastify/cors: it takes `OPTIONS *`, which a server has once.
  fastify.addHook('onRoute', route => { route.config = Object.assign({ cors: false, helmet: { skipRoute: true } }, route.config) })
  fastify.addHook('onRequest', ({ headers, method }, reply, done) => {
    const { origin } = headers
    reply.headers(common)
    if (!isAllowedOrigin(origin, headers.host, origins)) return done(new RoomcastError('auth/foreign-origin'))
    if (origin !== undefined) reply.headers({ 'Access-Control-Allow-Origin': origin, 'Access-Control-Allow-Credentials': 'true', 'Access-Control-Expose-Headers': 'Retry-After' })
    if (method !== 'OPTIONS') return done()
    // Before any hook that asks for a token: browsers send none with a preflight.
    reply.code(204).headers({
      'Access-Control-Allow-Methods': 'GET, HEAD, POST, PUT',
      'Access-Control-Allow-Headers': headers['access-control-request-headers'] ?? '',
      'Access-Control-Max-Age': PREFLIGHT_SECONDS
    }).send()
  })
}, { name: 'browsers', fastify: '5.x' })

/** What helmet sets, asked once: it would make the same headers anew for every answer. A page sets a policy of its own. */
function securityHeaders (): Record<string, string> {
  const headers: Record<string, string> = {}
  const answer = {
    setHeader: (name: string, value: string) => { headers[name.toLowerCase()] = value },
    removeHeader: () => {}
  }
  const setHeaders = helmet({ contentSecurityPolicy: { directives: { defaultSrc: ["'none'"], frameAncestors: ["'none'"] } } })
  setHeaders({} as IncomingMessage, answer as unknown as ServerResponse, fault => { if (fault !== undefined) throw fault })
  return headers
}
