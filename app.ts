// The service as a Fastify plugin. Its registrations, in order, are the table of contents.
import fp from 'fastify-plugin'
import browsers from './plugins/browsers.ts'
import documents from './plugins/documents.ts'
import { createErrorHandlers } from './plugins/errors.ts'
import { openGateways } from './plugins/gateways.ts'
import { createRoomcast } from './plugins/host.ts'
import inspector from './plugins/inspector.ts'
import { followPeople } from './plugins/people.ts'
import playground from './plugins/playground.ts'
import { carryUpdates } from './plugins/updates.ts'
import validation from './plugins/validation.ts'
import appRoutes from './routes/apps.ts'
import healthRoutes from './routes/health.ts'
import overviewRoutes from './routes/overview.ts'
import publishRoutes from './routes/publish.ts'
import roomRoutes from './routes/rooms.ts'
import sessionRoutes from './routes/sessions.ts'
import { limitLog } from './services/observe/limited-log.ts'
import { createMetrics } from './services/observe/metrics.ts'
import { readSettings } from './services/settings/read.ts'

export type { HostSession, Roomcast } from './plugins/host.ts'
export { RoomcastError, type ErrorCode } from './services/wire/errors.ts'

export interface RoomcastOptions {
  /** Settings as texts, by name. Default: the environment of the process. */
  env?: Record<string, string | undefined>
  /** Serves /openapi.json, /asyncapi.json and /docs/. Turn it off if the host has its own there. Default: true. */
  documents?: boolean
  /** Serves /livez and /readyz. Turn it off if the host has its own there. Default: true. */
  health?: boolean
  /** Serves /metrics. Default: false, because that path belongs to the host, which can merge `fastify.roomcast.metrics.registry`. */
  metrics?: boolean
  /** Serves the inspector, the page for operators, at `/inspector/`. Default: false, because that path belongs to the host. */
  inspector?: boolean
  /** Serves the playground at `/`, outside production. Default: false, because that path belongs to the host. */
  playground?: boolean
}

export default fp<RoomcastOptions>(async (host, options) => {
  // An own context: apart from one decorator, nothing changes for the host.
  await host.register(async fastify => {
    const base = { settings: readSettings(options.env ?? process.env), metrics: createMetrics(), log: limitLog(fastify.log) }
    const updates = carryUpdates(fastify, base)
    const people = followPeople(fastify, { ...base, ...updates })
    const gateways = await openGateways(fastify, { ...base, ...updates, ...people })
    const parts = { ...base, ...updates, ...people, ...gateways }
    host.decorate('roomcast', createRoomcast(parts))

    const { onErrorInside, onNotFound } = createErrorHandlers(base.settings, () => base.metrics)
    fastify.setErrorHandler(onErrorInside)
    await fastify.register(validation)
    await fastify.register(browsers, parts)
    fastify.addHook('onSend', (_request, reply, _payload, done) => {
      if (parts.readiness.isDraining()) reply.header('Connection', 'close')
      done()
    })
    // Registered before the routes, so that it sees them
    if (options.documents !== false) await fastify.register(documents, parts)
    await fastify.register(healthRoutes, { ...parts, hasHealth: options.health !== false, hasMetrics: options.metrics === true })
    if (options.inspector === true) await fastify.register(inspector, parts)
    if (options.playground === true) await fastify.register(playground, parts)

    await fastify.register(async api => {
      api.setNotFoundHandler(onNotFound)
      // A hook answers preflights, but hooks run only if there is a route.
      api.options('/*', { schema: { hide: true } }, async () => {})
      await api.register(async authenticated => {
        parts.authenticator.protect(authenticated)
        await authenticated.register(publishRoutes, parts)
        await authenticated.register(appRoutes, parts)
        await authenticated.register(roomRoutes, parts)
        await authenticated.register(sessionRoutes, parts)
        await authenticated.register(overviewRoutes, parts)
      })
    }, { prefix: '/api/v1' })
  })
}, { name: 'roomcast', fastify: '5.x' })
