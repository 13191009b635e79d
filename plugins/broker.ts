// fastify.broker: Redis where it is configured, else the embedded broker.
import { randomBytes } from 'node:crypto'
import fp from 'fastify-plugin'
import type { Redis } from 'ioredis'
import type { Broker } from '../services/broker/broker.ts'
import { createMemoryBroker } from '../services/broker/memory-broker.ts'
import { createRedisBroker } from '../services/broker/redis-broker.ts'
import { isRedisConfigured } from './redis.ts'

declare module 'fastify' {
  interface FastifyInstance {
    broker: Broker
  }
}

export default fp(async fastify => {
  const { settings, metrics, log } = fastify
  // New at every start: what a killed process left behind is not its successor's.
  const instance = `${settings.INSTANCE_NAME}${settings.INSTANCE_NAME === '' ? '' : '-'}${randomBytes(4).toString('hex')}`
  if (isRedisConfigured(settings)) {
    const { commands, subscriber } = fastify.redis as unknown as { commands: Redis, subscriber: Redis }
    fastify.decorate('broker', createRedisBroker({ instance, commands, subscriber, settings, log, metrics }))
  } else {
    log.warn('no REDIS_URL: the embedded broker serves this one instance only')
    fastify.decorate('broker', createMemoryBroker({ instance, settings, metrics }))
  }
  fastify.addHook('onClose', async () => { await fastify.broker.close() })
}, { name: 'broker', fastify: '5.x', dependencies: ['settings', 'metrics', 'redis'] })
