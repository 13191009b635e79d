// Connects to Redis: directly, or to the master that the Sentinels name, over TCP or TLS.
import { performance } from 'node:perf_hooks'
import { Redis, type RedisOptions } from 'ioredis'
import { DirectConnector, MasterConnector } from './redis-connectors.ts'
import type { Settings } from '../settings.ts'
import { readAddresses, readRedisUrl, type HostAndPort, type RedisAddress } from '../settings/urls.ts'

/** The pause grows by this much with each attempt. */
const PAUSE_STEP_MS = 50

export function isRedisConfigured ({ REDIS_URL, REDIS_SENTINELS, REDIS_CLUSTER }: Settings): boolean {
  return REDIS_URL !== '' || REDIS_SENTINELS !== '' || REDIS_CLUSTER !== ''
}

/** The address of a connection, for the log. Contains no secret. */
export function placeOf ({ options: { sentinels, name, host, port } }: Redis): string {
  return sentinels ? `${name} at ${sentinels.map(({ host, port }) => `${host}:${port}`).join(',')}` : `${host}:${port}`
}

/**
 * Connects at once, and again whenever the connection is lost, until it is disconnected.
 * @param node a node of a cluster; default: the address in the settings
 */
export function connect (settings: Settings, connectionName: string, node?: HostAndPort): Redis {
  const address = addressOf(settings)
  const options: RedisOptions = {
    connectionName: `roomcast-${connectionName}`,
    // A command is refused at once when the link is down, and ioredis never repeats it on its own.
    enableOfflineQueue: false,
    autoResendUnfulfilledCommands: false,
    maxRetriesPerRequest: 0,
    // The link does both itself: it must know when every channel is confirmed, and which Redis answers.
    autoResubscribe: false,
    enableReadyCheck: false,
    retryStrategy: createPauses(settings.REDIS_RECONNECT_MAX_MS),
    connectTimeout: settings.PROBE_TIMEOUT_MS,
    // A half-open connection does not answer our FIN either, so do not wait for it.
    disconnectTimeout: 50,
    ...address !== undefined && { db: address.database },
    ...address?.username && { username: address.username },
    ...address?.password && { password: address.password },
    // Node decides which certificates are valid: NODE_EXTRA_CA_CERTS adds an authority.
    ...address?.tls && { tls: {} }
  }
  if (node !== undefined) return new Redis({ ...options, ...node, Connector: DirectConnector })
  if (settings.REDIS_SENTINELS === '') return new Redis({ ...options, host: address?.host, port: address?.port, Connector: DirectConnector })
  return new Redis({
    ...options,
    Connector: MasterConnector,
    sentinels: readAddresses(settings.REDIS_SENTINELS),
    name: settings.REDIS_SENTINEL_NAME,
    sentinelRetryStrategy: attempt => Math.min(PAUSE_STEP_MS * attempt, settings.REDIS_RECONNECT_MAX_MS),
    sentinelCommandTimeout: settings.PROBE_TIMEOUT_MS,
    ...settings.REDIS_SENTINEL_USERNAME !== '' && { sentinelUsername: settings.REDIS_SENTINEL_USERNAME },
    ...settings.REDIS_SENTINEL_PASSWORD !== '' && { sentinelPassword: settings.REDIS_SENTINEL_PASSWORD },
    ...address?.tls && { sentinelTLS: {}, enableTLSForSentinelMode: true }
  })
}

function addressOf ({ REDIS_URL }: Settings): RedisAddress | undefined {
  return REDIS_URL === '' ? undefined : readRedisUrl(REDIS_URL)
}

/**
 * The pause before each attempt to connect. ioredis restarts its count after each connection, so it would retry an
 * unusable Redis (a replica, a wrong password) twenty times a second.
 */
function createPauses (maxMs: number): () => number {
  let attempts = 0
  let lastAt = -Infinity
  return () => {
    const now = performance.now()
    attempts = now - lastAt < 2 * maxMs + PAUSE_STEP_MS ? attempts + 1 : 1
    lastAt = now
    return Math.min(PAUSE_STEP_MS * attempts, maxMs)
  }
}

/** Replaces a connection. One that is still connecting is left alone, because ioredis would end it for good. */
export function renew (redis: Redis): void {
  if (redis.status === 'connect' || redis.status === 'ready') redis.disconnect(true)
}
