// fastify.redis: the connections `commands` and `subscriber`, where Redis is configured.
import fastifyRedis from '@fastify/redis'
import fp from 'fastify-plugin'
import { connect, isRedisConfigured } from '../services/broker/redis-connect.ts'

export default fp(async fastify => {
  const { settings } = fastify
  if (!isRedisConfigured(settings)) return
  for (const namespace of ['commands', 'subscriber']) {
    const client = connect(settings, namespace)
    // Called, not registered: @fastify/redis holds up the boot until Redis answers, and we must start without it.
    fastifyRedis.fastifyRedis(fastify, { client, namespace }, () => {})
    // For the same reason not its listeners of the start either: they would end the client at the first error reply.
    client.removeAllListeners('end').removeAllListeners('error')
  }
}, { name: 'redis', fastify: '5.x', dependencies: ['settings'] })
