// What browsers need and must not do: CORS by the same rule as for sockets, and security headers.
import cors from '@fastify/cors'
import helmet from '@fastify/helmet'
import fp from 'fastify-plugin'
import { RoomcastError } from '../services/wire/errors.ts'
import { isAllowedOrigin, listOrigins } from '../services/access/origin.ts'
import type { Settings } from '../services/settings.ts'

export default fp<{ settings: Settings }>(async (fastify, { settings }) => {
  const origins = listOrigins(settings.CORS_ORIGINS)
  fastify.addHook('onRequest', async ({ headers }) => {
    if (!isAllowedOrigin(headers.origin, headers.host, origins)) throw new RoomcastError('auth/foreign-origin')
  })
  // Foreign origins were refused above; what comes here may read the answer.
  await fastify.register(cors, { origin: true, methods: ['GET', 'HEAD', 'POST', 'PUT'], exposedHeaders: ['Retry-After'], strictPreflight: false, credentials: true, maxAge: 600 })
  await fastify.register(helmet, { contentSecurityPolicy: { directives: { defaultSrc: ["'none'"], frameAncestors: ["'none'"] } } })
}, { name: 'browsers', fastify: '5.x' })
