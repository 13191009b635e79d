// The connections to Redis: `commands` and `subscriber`.
import fastifyRedis from '@fastify/redis'
import type { FastifyInstance } from 'fastify'
import { Redis, type RedisOptions } from 'ioredis'
import type { Settings } from '../services/settings.ts'
import { shadow } from './scope.ts'

export function openRedis (fastify: FastifyInstance, settings: Settings): { commands: Redis, subscriber: Redis } {
  shadow(fastify, 'redis')
  return { commands: open('commands'), subscriber: open('subscriber') }

  function open (namespace: string): Redis {
    const client = connect(settings, namespace)
    // Called, not registered: @fastify/redis holds up the boot until Redis answers, and we must start without it.
    fastifyRedis.fastifyRedis(fastify, { client, namespace }, () => {})
    // For the same reason not its listeners of the start either: they would end the client at the first error reply.
    return client.removeAllListeners('end').removeAllListeners('error')
  }
}

export function isRedisConfigured ({ REDIS_URL, REDIS_SENTINELS }: Settings): boolean {
  return REDIS_URL !== '' || REDIS_SENTINELS !== ''
}

export function connect (settings: Settings, connectionName: string): Redis {
  const options: RedisOptions = {
    connectionName: `roomcast-${connectionName}`,
    // A command is refused at once when the link is down, and never sent a second time behind our back.
    enableOfflineQueue: false,
    autoResendUnfulfilledCommands: false,
    maxRetriesPerRequest: 0,
    // The link does this itself: it has to know when every channel is confirmed.
    autoResubscribe: false,
    retryStrategy: attempt => Math.min(50 * attempt, settings.REDIS_RECONNECT_MAX_MS),
    connectTimeout: settings.PROBE_TIMEOUT_MS,
    // A half-open connection does not answer our FIN either.
    disconnectTimeout: 50,
    maxLoadingRetryTime: settings.REDIS_RECONNECT_MAX_MS,
    // A master that was demoted: find the new one.
    reconnectOnError: error => error.message.startsWith('READONLY')
  }
  if (settings.REDIS_SENTINELS === '') return new Redis(settings.REDIS_URL, options)
  const url = settings.REDIS_URL === '' ? undefined : new URL(settings.REDIS_URL)
  return new Redis({
    ...options,
    sentinels: settings.REDIS_SENTINELS.split(',').map(address => {
      const [host, port] = address.split(':')
      return { host: host as string, port: Number(port) }
    }),
    name: settings.REDIS_SENTINEL_NAME,
    sentinelRetryStrategy: attempt => Math.min(50 * attempt, settings.REDIS_RECONNECT_MAX_MS),
    username: url?.username || undefined,
    password: url?.password ? decodeURIComponent(url.password) : undefined,
    db: Number(url?.pathname.slice(1) ?? 0)
  })
}
