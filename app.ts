// The service as a Fastify plugin. What it registers, in this order, is the table of contents.
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
import { createMetrics } from './services/observe/metrics.ts'
import { readSettings } from './services/settings.ts'

export type { HostSession, Roomcast } from './plugins/host.ts'
export { RoomcastError, type ErrorCode } from './services/wire/errors.ts'

export interface RoomcastOptions {
  /** Names of settings to texts; default: the environment of the process. */
  env?: Record<string, string | undefined>
  /** Whether /openapi.json, /asyncapi.json and /docs/ are served; not where the host has its own at these addresses. Default: true. */
  documents?: boolean
  /** Whether /livez and /readyz are served; not where the host has its own at these addresses. Default: true. */
  health?: boolean
  /** Serves /metrics: off by default, since that path is the host's. `fastify.roomcast.metrics.registry` can be merged into its own. */
  metrics?: boolean
  /** Serves the inspector, the page for operators, at `/inspector/`: off by default, since that path is the host's. */
  inspector?: boolean
  /** Outside production, serves the playground at `/`: off by default, since that path is the host's. */
  playground?: boolean
}

export default fp<RoomcastOptions>(async (host, options) => {
  // In a context of its own: of the host nothing changes but for one decorator.
  await host.register(async fastify => {
    const base = { settings: readSettings(options.env ?? process.env), metrics: createMetrics(), log: fastify.log }
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
    // Before the routes, which it is to see
    if (options.documents !== false) await fastify.register(documents, parts)
    await fastify.register(healthRoutes, { ...parts, hasHealth: options.health !== false, hasMetrics: options.metrics === true })
    if (options.inspector === true) await fastify.register(inspector, parts)
    if (options.playground === true) await fastify.register(playground, parts)

    await fastify.register(async api => {
      api.setNotFoundHandler(onNotFound)
      // A hook answers preflights; it runs where there is a route.
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
