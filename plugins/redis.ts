// The connections to Redis: `commands` and `subscriber`, to each master in a cluster.
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
    // The masters of a cluster come and go while the server listens, when Fastify takes no plugin any more.
    if (node !== undefined) return client
    // Called, not registered: @fastify/redis holds up the boot until Redis answers, and we must start without it.
    fastifyRedis.fastifyRedis(fastify, { client, namespace }, () => {})
    // For the same reason not its listeners of the start either: they would end the client at the first error reply.
    return client.removeAllListeners('end').removeAllListeners('error')
  }
}
