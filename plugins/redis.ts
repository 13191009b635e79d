// Creates the connections to Redis: `commands` and `subscriber`, for each master of a cluster.
import fastifyRedis from '@fastify/redis'
import type { FastifyInstance } from 'fastify'
import type { Redis } from 'ioredis'
import { connect } from '../services/broker/redis-connect.ts'
import type { RedisConnections } from '../services/broker/redis-link.ts'
import type { Settings } from '../services/settings.ts'
import type { HostAndPort } from '../services/settings/urls.ts'
import { shadow } from './scope.ts'

/** @returns what makes the connections of a link */
export function openRedis (fastify: FastifyInstance, settings: Settings): (node?: HostAndPort) => RedisConnections {
  shadow(fastify, 'redis')
  return node => ({ commands: open('commands', node), subscriber: open('subscriber', node) })

  function open (namespace: string, node: HostAndPort | undefined): Redis {
    const client = connect(settings, namespace, node)
    // Masters of a cluster come and go while the server listens. Fastify accepts no plugin then.
    if (node !== undefined) return client
    // Called directly instead of registered: @fastify/redis would delay the boot until Redis answers, but we must start without it.
    fastifyRedis.fastifyRedis(fastify, { client, namespace }, () => {})
    // Its start listeners are removed for the same reason: they would end the client at the first error.
    return client.removeAllListeners('end').removeAllListeners('error')
  }
}
