// Browser rules: CORS, with the same rule as for sockets, and security headers.
import type { IncomingMessage, ServerResponse } from 'node:http'
import fp from 'fastify-plugin'
import helmet, { type HelmetOptions } from 'helmet'
import { RoomcastError } from '../services/wire/errors.ts'
import { isAllowedOrigin, listOrigins } from '../services/access/origin.ts'
import type { Settings } from '../services/settings.ts'

const API = '/api/'
const PREFLIGHT_SECONDS = '600'
const directives = { defaultSrc: ["'none'"], frameAncestors: ["'none'"] }
const PAGES: HelmetOptions = { contentSecurityPolicy: { directives } }
/** Disables everything that a JSON answer does not need. */
const ANSWERS: HelmetOptions = {
  contentSecurityPolicy: { useDefaults: false, directives },
  crossOriginOpenerPolicy: false,
  originAgentCluster: false,
  xDnsPrefetchControl: false,
  xDownloadOptions: false,
  xPermittedCrossDomainPolicies: false,
  xXssProtection: false
}

export default fp<{ settings: Settings }>(async (fastify, { settings }) => {
  const origins = listOrigins(settings.CORS_ORIGINS)
  const ofAnswers = { ...securityHeaders(ANSWERS), vary: 'Origin' }
  const ofPages = { ...securityHeaders(PAGES), vary: 'Origin' }

  // A host's @fastify/cors and @fastify/helmet also run here. We do not use @fastify/cors: its `OPTIONS *` route can exist only once per server.
  fastify.addHook('onRoute', route => { route.config = Object.assign({ cors: false, helmet: { skipRoute: true } }, route.config) })
  fastify.addHook('onRequest', ({ headers, method, url }, reply, done) => {
    const { origin } = headers
    reply.headers(url.startsWith(API) ? ofAnswers : ofPages)
    if (!isAllowedOrigin(origin, headers.host, origins)) return done(new RoomcastError('auth/foreign-origin'))
    if (origin !== undefined) reply.headers({ 'Access-Control-Allow-Origin': origin, 'Access-Control-Allow-Credentials': 'true', 'Access-Control-Expose-Headers': 'Retry-After' })
    if (method !== 'OPTIONS') return done()
    // Runs before hooks that require a token: browsers send none with a preflight.
    reply.code(204).headers({
      'Access-Control-Allow-Methods': 'GET, HEAD, POST, PUT',
      'Access-Control-Allow-Headers': headers['access-control-request-headers'] ?? '',
      'Access-Control-Max-Age': PREFLIGHT_SECONDS
    }).send()
  })
}, { name: 'browsers', fastify: '5.x' })

/** The headers of helmet, computed once instead of for every answer. Pages set their own policy. */
function securityHeaders (options: HelmetOptions): Record<string, string> {
  const headers: Record<string, string> = {}
  const answer = {
    setHeader: (name: string, value: string) => { headers[name.toLowerCase()] = value },
    removeHeader: () => {}
  }
  helmet(options)({} as IncomingMessage, answer as unknown as ServerResponse, fault => { if (fault !== undefined) throw fault })
  return headers
}
