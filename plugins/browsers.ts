// What browsers need and must not do: CORS by the same rule as for sockets, and security headers.
import type { IncomingMessage, ServerResponse } from 'node:http'
import cors from '@fastify/cors'
import fp from 'fastify-plugin'
import helmet from 'helmet'
import { RoomcastError } from '../services/wire/errors.ts'
import { isAllowedOrigin, listOrigins } from '../services/access/origin.ts'

export default fp(async fastify => {
  const origins = listOrigins(fastify.settings.CORS_ORIGINS)
  const headers = securityHeaders()
  fastify.addHook('onRequest', (request, reply, done) => {
    // A page sets a policy of its own.
    reply.headers(headers)
    const { origin, host } = request.headers
    done(isAllowedOrigin(origin, host, origins) ? undefined : new RoomcastError('auth/foreign-origin'))
  })
  // Foreign origins were refused above; what comes here may read the answer.
  await fastify.register(cors, { origin: true, methods: ['GET', 'HEAD', 'POST', 'PUT'], exposedHeaders: ['Retry-After'], strictPreflight: false, credentials: true, maxAge: 600 })
}, { name: 'browsers', fastify: '5.x', dependencies: ['settings'] })

/** What helmet sets, asked once: it would make the same headers anew for every answer. */
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
