// Carrying updates: the broker (Redis if configured, else embedded), and the probe that tests it.
import { randomBytes } from 'node:crypto'
import type { FastifyInstance } from 'fastify'
import type { Broker } from '../services/broker/broker.ts'
import { createMemoryBroker } from '../services/broker/memory-broker.ts'
import { createRedisBroker } from '../services/broker/redis-broker.ts'
import { isRedisConfigured } from '../services/broker/redis-connect.ts'
import { createInbox, type Inbox } from '../services/instances/inbox.ts'
import { createPeers, type Peers } from '../services/instances/peers.ts'
import { createProbe, type Probe } from '../services/instances/probe.ts'
import type { Log } from '../services/observe/log.ts'
import type { Metrics } from '../services/observe/metrics.ts'
import type { Settings } from '../services/settings.ts'
import { openRedis } from './redis.ts'

/** The parts that every chapter uses. */
export interface Base {
  settings: Settings
  metrics: Metrics
  log: Log
}

export interface Updates {
  broker: Broker
  /** The internal room of this instance. */
  inbox: Inbox
  probe: Probe
  /** The live instances. */
  peers: Peers
}

export function carryUpdates (fastify: FastifyInstance, base: Base): Updates {
  const { settings, log } = base
  // New at every start, so that a restarted process does not inherit the state of a killed one.
  const instance = `${settings.INSTANCE_NAME}${settings.INSTANCE_NAME === '' ? '' : '-'}${randomBytes(4).toString('hex')}`
  if (!isRedisConfigured(settings)) log.warn({ instance }, 'no REDIS_URL is set: the embedded broker serves only this instance; set it before you start a second one')
  const broker = isRedisConfigured(settings)
    ? createRedisBroker({ instance, open: openRedis(fastify, settings), ...base })
    : createMemoryBroker({ instance, ...base })
  const inbox = createInbox({ broker, log })
  const probe = createProbe({ broker, inbox, ...base })
  const peers = createPeers({ broker, ...base })

  fastify.addHook('onReady', async () => {
    probe.start()
    peers.start()
  })
  fastify.addHook('onClose', async () => {
    peers.close()
    probe.close()
    await broker.close()
  })
  return { broker, inbox, probe, peers }
}
