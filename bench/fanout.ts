// What a delivery costs: many clients in one room over two instances, Roomcast beside stock Socket.IO in the same run.
import { readFile } from 'node:fs/promises'
import { performance } from 'node:perf_hooks'
import { startRedis } from '../test/helpers/redis.ts'
import { createScope } from './chaos/scope.ts'
import type { Running, Service } from './chaos/service.ts'
import type { Tally } from './chaos/tally.ts'

/** Published before anything is counted: code that runs for the first time is slow everywhere. */
const WARM_UP = 1000
const UPDATES = 3000
const PUBLISHERS = 8
/** Linux counts the time of processes in these. */
const TICK_MICROSECONDS = 10_000

export interface FanoutCost {
  service: string
  deliveriesPerSecond: number
  /** Time of the servers' processors for one update: its publish, and its delivery to all clients. */
  serverMicroseconds: number
  medianMs: number
  p99Ms: number
}

export async function measureFanout (service: Service, clients: number): Promise<FanoutCost> {
  const scope = createScope()
  try {
    const redis = await startRedis(scope)
    const instances = await Promise.all([service.launch(scope, redis.url), service.launch(scope, redis.url)])
    for (const instance of instances) await instance.ready(10_000)
    const sentAt = new Map<number, number>()
    const latencies: number[] = []
    let remaining = 0
    let finish: () => void = () => {}
    const tally: Pick<Tally, 'onItem' | 'onTold' | 'onBroken'> = {
      onItem ({ n }) {
        latencies.push(performance.now() - (sentAt.get(n) ?? NaN))
        if (--remaining === 0) finish()
      },
      onTold () { throw new Error('a client missed something without a fault') },
      onBroken (what) { throw new Error(what) }
    }
    for (let i = 0; i < clients; i++) await service.follow(scope, at(instances, i).url, tally as Tally)

    let n = 0
    async function deliver (updates: number): Promise<void> {
      const last = n + updates
      remaining = clients * updates
      const delivered = new Promise<void>(resolve => { finish = resolve })
      await Promise.all(Array.from({ length: PUBLISHERS }, async (_, i) => {
        while (n < last) {
          const item = { writer: 0, n: n++ }
          sentAt.set(item.n, performance.now())
          if (!await service.publish(at(instances, i).url, item, AbortSignal.timeout(10_000))) throw new Error('a publish was refused')
        }
      }))
      await delivered
    }
    await deliver(WARM_UP)
    latencies.length = 0
    const cpuBefore = await processorTime(instances)
    const startedAt = performance.now()
    await deliver(UPDATES)
    const seconds = (performance.now() - startedAt) / 1000
    const cpu = await processorTime(instances) - cpuBefore
    const sorted = latencies.toSorted((a, b) => a - b)
    return {
      service: service.name,
      deliveriesPerSecond: latencies.length / seconds,
      serverMicroseconds: cpu / UPDATES,
      medianMs: sorted[Math.floor(sorted.length * 0.5)] ?? NaN,
      p99Ms: sorted[Math.floor(sorted.length * 0.99)] ?? NaN
    }
  } finally {
    await scope.close()
  }
}

function at (instances: Running[], i: number): Running {
  return instances[i % instances.length] as Running
}

/** In microseconds, over all instances; fields 14 and 15 of proc_pid_stat(5). */
async function processorTime (instances: Running[]): Promise<number> {
  const stats = await Promise.all(instances.map(({ pid }) => readFile(`/proc/${pid}/stat`, 'utf8')))
  return stats.reduce((sum, stat) => {
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
    return sum + (Number(fields[11]) + Number(fields[12])) * TICK_MICROSECONDS
  }, 0)
}
