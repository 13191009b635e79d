// Creates the connections to Redis: `commands` and `subscriber`.
import fastifyRedis from '@fastify/redis'
import type { FastifyInstance } from 'fastify'
import type { Redis } from 'ioredis'
import { connect } from '../services/broker/redis-connect.ts'
import type { Settings } from '../services/settings.ts'
import { shadow } from './scope.ts'

export function openRedis (fastify: FastifyInstance, settings: Settings): { commands: Redis, subscriber: Redis } {
  shadow(fastify, 'redis')
  return { commands: open('commands'), subscriber: open('subscriber') }

  function open (namespace: string): Redis {
    const client = connect(settings, namespace)
    // Called directly instead of registered: @fastify/redis would delay the boot until Redis answers, but we must start without it.
    fastifyRedis.fastifyRedis(fastify, { client, namespace }, () => {})
    // Its start listeners are removed for the same reason: they would end the client at the first error.
    return client.removeAllListeners('end').removeAllListeners('error')
  }
}
