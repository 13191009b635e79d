// The service as a Fastify plugin. What it registers, in this order, is the table of contents.
import fp from 'fastify-plugin'
import asyncapi from './plugins/asyncapi.ts'
import auth from './plugins/auth.ts'
import broker from './plugins/broker.ts'
import browsers from './plugins/browsers.ts'
import commands from './plugins/commands.ts'
import settings, { type SettingsOptions } from './plugins/settings.ts'
import errors, { onNotFound } from './plugins/errors.ts'
import feeds from './plugins/feeds.ts'
import inbox from './plugins/inbox.ts'
import peers from './plugins/peers.ts'
import metrics from './plugins/metrics.ts'
import occupancy from './plugins/occupancy.ts'
import openapi from './plugins/openapi.ts'
import playground from './plugins/playground.ts'
import presence from './plugins/presence.ts'
import probe from './plugins/probe.ts'
import publisher from './plugins/publisher.ts'
import readiness from './plugins/readiness.ts'
import redis from './plugins/redis.ts'
import sessions from './plugins/sessions.ts'
import sockets from './plugins/sockets.ts'
import validation from './plugins/validation.ts'
import appRoutes from './routes/apps.ts'
import healthRoutes from './routes/health.ts'
import publishRoutes from './routes/publish.ts'
import roomRoutes from './routes/rooms.ts'
import sessionRoutes from './routes/sessions.ts'

export interface RoomcastOptions extends SettingsOptions {
  /** Whether /openapi.json, /asyncapi.json and /docs/ are served; not where the host has its own at these addresses. Default: true. */
  documents?: boolean
  /** Outside production, serves the playground at `/`: off by default, since that path is the host's. */
  playground?: boolean
}

export default fp<RoomcastOptions>(async (fastify, options) => {
  await fastify.register(settings, options)
  await fastify.register(metrics)

  // What carries updates
  await fastify.register(redis)
  await fastify.register(broker)
  await fastify.register(inbox)
  await fastify.register(probe)
  await fastify.register(peers)

  // Who is where
  await fastify.register(presence)
  await fastify.register(occupancy)
  await fastify.register(feeds)
  await fastify.register(sessions)
  await fastify.register(commands)

  // The doors
  await fastify.register(auth)
  await fastify.register(publisher)
  await fastify.register(readiness)
  await fastify.register(sockets)

  // In a context of their own: a host's error handler, validator and hooks stay as they are.
  await fastify.register(async open => {
    await open.register(errors)
    await open.register(validation)
    await open.register(browsers)
    open.addHook('onSend', (_request, reply, _payload, done) => {
      if (fastify.readiness.isDraining()) reply.header('Connection', 'close')
      done()
    })
    // Before the routes, which it is to see
    if (options.documents !== false) {
      await open.register(openapi)
      await open.register(asyncapi)
    }
    await open.register(healthRoutes)
    if (options.playground === true) await open.register(playground)

    await open.register(async api => {
      api.setNotFoundHandler(onNotFound)
      await api.register(async authenticated => {
        authenticated.decorateRequest('identity')
        authenticated.addHook('onRequest', fastify.authenticator.authenticate)
        await authenticated.register(publishRoutes)
        await authenticated.register(appRoutes)
        await authenticated.register(roomRoutes)
        await authenticated.register(sessionRoutes)
      })
    }, { prefix: '/api/v1' })
  })
}, { name: 'roomcast', fastify: '5.x' })
