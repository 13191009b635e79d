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
  /** The proxy between clients and the instance. */
  edge: Proxy
  instance: Running
  isUp: boolean
}

/** Instances, followers and writers, whatever Redis they use. */
export interface World<N extends Node = Node> {
  service: Service
  nodes: N[]
  tallies: Tally[]
  acknowledged (): number[]
  /** Replaces dead instances by new ones at the same addresses, and repairs Redis. */
  mend (): Promise<void>
  /** Pauses the writers after their current items were answered with 2xx. */
  rest (): Promise<void>
  write (): void
}

export interface RedisNode extends Node {
  /** The proxy between the instance and Redis. */
  link: Proxy
}

export interface RedisWorld extends World<RedisNode> {
  redis: RedisServer
  client: Redis
}

export async function createWorld (scope: Scope, service: Service, size = 3): Promise<RedisWorld> {
  const redis = await startRedis(scope, { appendonly: true })
  const links = await Promise.all(Array.from({ length: size }, () => startProxy(scope, redis.port)))
  const world = await populate(scope, service, links.map(link => link.url()))
  return { ...world, nodes: world.nodes.map((node, i) => Object.assign(node, { link: links[i] as Proxy })), redis, client: redis.client() }
}

/** @param places of Redis, as each instance is told */
export async function populate (scope: Scope, service: Service, places: string[]): Promise<World> {
  const nodes: Node[] = []
  for (const place of places) {
    const instance = await service.launch(scope, place)
    nodes.push({ instance, edge: await startProxy(scope, instance.port), isUp: true })
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
  await Promise.all(tallies.map((tally, i) => service.follow(scope, nodes[i % nodes.length]?.edge.url('http') ?? '', tally)))

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

  async function mend (): Promise<void> {
    for (const [i, node] of nodes.entries()) {
      if (node.isUp) continue
      node.instance = await service.launch(scope, places[i] as string)
      await node.instance.ready()
      node.edge.retarget(node.instance.port)
      node.isUp = true
    }
  }

  await warmUp()
  return { service, nodes, tallies, acknowledged: () => [...acknowledged], mend, rest, write }
}
