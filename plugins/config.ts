// fastify.config: all settings, checked at boot.
import fp from 'fastify-plugin'
import { readSettings, type Settings } from '../services/settings.ts'

declare module 'fastify' {
  interface FastifyInstance {
    config: Settings
  }
}

export interface ConfigOptions {
  /** Names to texts; default: the environment of the process. */
  env?: Record<string, string | undefined>
}

export default fp<ConfigOptions>(async (fastify, { env = process.env }) => {
  fastify.decorate('config', readSettings(env))
}, { name: 'config', fastify: '5.x' })
