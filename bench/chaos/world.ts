// The system to break: Redis, instances behind two proxies each, followers on every instance, and persistent writers.
import { setTimeout as pause } from 'node:timers/promises'
import type { Redis } from 'ioredis'
import { eventually } from '../../test/helpers/eventually.ts'
import { startProxy, type Proxy } from '../../test/helpers/proxy.ts'
import { startRedis, type RedisServer } from '../../test/helpers/redis.ts'
import type { Scope } from '../../test/helpers/scope.ts'
import type { Running, Service } from './service.ts'
import { createTally, type Tally } from './tally.ts'

const WRITERS = 2
const FOLLOWERS_PER_NODE = 3
const WRITE_PAUSE_MS = 10
const ATTEMPT_MS = 3000
const WARM_UPDATES = 20
const WARM_LIMIT_MS = 20_000

export interface Node {
  /** The proxy between the instance and Redis. */
  link: Proxy
  /** The proxy between clients and the instance. */
  edge: Proxy
  instance: Running
  isUp: boolean
}

export interface World {
  service: Service
  redis: RedisServer
  client: Redis
  nodes: Node[]
  tallies: Tally[]
  acknowledged (): number[]
  /** Replaces a dead instance by a new one at the same address. */
  replace (node: Node): Promise<void>
  /** Pauses the writers after their current items were answered with 2xx. */
  rest (): Promise<void>
  write (): void
}

export async function createWorld (scope: Scope, service: Service, size = 3): Promise<World> {
  const redis = await startRedis(scope, { appendonly: true })
  const nodes: Node[] = []
  for (let i = 0; i < size; i++) {
    const link = await startProxy(scope, redis.port)
    const instance = await service.launch(scope, link.url())
    nodes.push({ link, instance, edge: await startProxy(scope, instance.port), isUp: true })
  }
  await Promise.all(nodes.map(({ instance }) => instance.ready()))

  const acknowledged = Array.from({ length: WRITERS }, () => 0)
  let isResting = true
  let resting: Promise<unknown> = Promise.resolve()

  async function runWriter (writer: number): Promise<void> {
    let attempt = writer
    while (!isResting) {
      const n = (acknowledged[writer] ?? 0) + 1
      while (!await tryOnce(attempt, { writer, n })) {
        attempt++
        await pause(WRITE_PAUSE_MS)
      }
      acknowledged[writer] = n
      attempt++
      await pause(WRITE_PAUSE_MS)
    }
  }

  async function tryOnce (attempt: number, item: { writer: number, n: number }): Promise<boolean> {
    const node = nodes[attempt % nodes.length]
    if (!node?.isUp) return false
    try {
      return await service.publish(node.instance.url, item, AbortSignal.timeout(ATTEMPT_MS))
    } catch {
      // No answer, because the instance is stopped or dead: try the next one.
      return false
    }
  }

  const tallies = nodes.flatMap(() => Array.from({ length: FOLLOWERS_PER_NODE }, () => createTally(WRITERS)))
  await Promise.all(tallies.map((tally, i) => service.follow(scope, nodes[i % size]?.edge.url('http') ?? '', tally)))

  async function rest (): Promise<void> {
    isResting = true
    await resting
  }

  function write (): void {
    isResting = false
    resting = Promise.all(acknowledged.map((_, writer) => runWriter(writer)))
  }

  /** Waits until updates reach everyone. Some services subscribe only after they report that they are up. */
  async function warmUp (): Promise<void> {
    write()
    await eventually(() => acknowledged.every(n => n >= WARM_UPDATES), WARM_LIMIT_MS)
    await rest()
    await eventually(() => tallies.every(tally => tally.hasReached(acknowledged)), WARM_LIMIT_MS)
    for (const tally of tallies) tally.take(acknowledged)
  }

  await warmUp()
  return {
    service,
    redis,
    client: redis.client(),
    nodes,
    tallies,
    acknowledged: () => [...acknowledged],
    async replace (node) {
      node.instance = await service.launch(scope, node.link.url())
      await node.instance.ready()
      node.edge.retarget(node.instance.port)
      node.isUp = true
    },
    rest,
    write
  }
}
