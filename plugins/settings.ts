// fastify.settings: all settings, checked at boot.
import fp from 'fastify-plugin'
import { readSettings, type Settings } from '../services/settings.ts'

declare module 'fastify' {
  interface FastifyInstance {
    settings: Settings
  }
}

export interface SettingsOptions {
  /** Names to texts; default: the environment of the process. */
  env?: Record<string, string | undefined>
}

export default fp<SettingsOptions>(async (fastify, { env = process.env }) => {
  fastify.decorate('settings', readSettings(env))
}, { name: 'settings', fastify: '5.x' })
