// Which master of a cluster serves which slots, according to its nodes.
import { once } from 'node:events'
import type { Redis } from 'ioredis'
import type { Settings } from '../settings.ts'
import { readAddresses, type HostAndPort } from '../settings/urls.ts'
import { connect } from './redis-connect.ts'
import { withTimeout } from './redis-timeout.ts'

export interface Master {
  /** The id of the node. */
  id: string
  address: HostAndPort
  /** The first and the last slot of a range. */
  slots: Array<[number, number]>
}

/** The timeout of one node; then another one is asked. */
const ASK_TIMEOUT_MS = 500

export interface RedisTopology {
  /**
   * All masters, also those without slots, from the first of these nodes that answers, or else from a node of the settings.
   * @throws the error of the last node that was asked
   */
  masters (nodes: Redis[]): Promise<Master[]>
}

export function createRedisTopology (settings: Settings): RedisTopology {
  const seeds = readAddresses(settings.REDIS_CLUSTER)

  async function ask (redis: Redis): Promise<Master[]> {
    const { host = '', tls } = redis.options
    return readMasters(await withTimeout(redis.call('CLUSTER', 'SHARDS'), ASK_TIMEOUT_MS), host, tls !== undefined)
  }

  async function askSeed (seed: HostAndPort): Promise<Master[]> {
    const redis = connect(settings, 'topology', seed)
    try {
      await withTimeout(once(redis, 'ready'), ASK_TIMEOUT_MS)
      return await ask(redis)
    } finally {
      // Errors of a closed connection do not matter.
      redis.removeAllListeners().on('error', ignore).disconnect()
    }
  }

  return {
    async masters (nodes) {
      let failure: unknown
      for (const askNext of [...nodes.map(node => () => ask(node)), ...seeds.map(seed => () => askSeed(seed))]) {
        try {
          return await askNext()
        } catch (error) {
          failure = error
        }
      }
      throw failure
    }
  }
}

/**
 * @param reply to CLUSTER SHARDS: for each shard its ranges of slots and its nodes
 * @param host of the node that answered; a node that does not know its own address names none
 * @param isTls which of its ports a node is asked at
 */
export function readMasters (reply: unknown, host: string, isTls = false): Master[] {
  return (reply as unknown[]).flatMap(shard => {
    const { slots, nodes } = fieldsOf(shard) as { slots: unknown[], nodes: unknown[] }
    const masters = nodes.map(fieldsOf).filter(({ role }) => String(role) === 'master')
    // After a failover, the previous master may still be listed.
    const master = masters.find(({ health }) => String(health) === 'online') ?? masters[0]
    if (master === undefined) return []
    const { id, endpoint, port, 'tls-port': tlsPort } = master
    const place = String(endpoint ?? '')
    const ranges = slots.flatMap((from, i): Array<[number, number]> => i % 2 === 0 ? [[Number(from), Number(slots[i + 1])]] : [])
    // A dead master without slots cannot be asked.
    if (ranges.length === 0 && String(master['health']) !== 'online') return []
    return [{ id: String(id), address: { host: place === '' || place === '?' ? host : place, port: Number(isTls ? tlsPort ?? port : port ?? tlsPort) }, slots: ranges }]
  })
}

/** Converts the reply, which is a list of names and values or a map, depending on the protocol. */
function fieldsOf (reply: unknown): Record<string, unknown> {
  if (reply instanceof Map) return Object.fromEntries(reply) as Record<string, unknown>
  if (!Array.isArray(reply)) return Object(reply) as Record<string, unknown>
  return Object.fromEntries(reply.flatMap((name: unknown, i) => i % 2 === 0 ? [[String(name), reply[i + 1] as unknown]] : []))
}

function ignore (): void {}
