// What a delivery costs: many clients in one room over two instances, Roomcast beside stock Socket.IO in the same run.
import { readFile } from 'node:fs/promises'
import { performance } from 'node:perf_hooks'
import { startRedis } from '../test/helpers/redis.ts'
import { createScope } from './chaos/scope.ts'
import type { Running, Service } from './chaos/service.ts'
import type { Tally } from './chaos/tally.ts'

const CLIENTS = 100
const UPDATES = 2000
const PUBLISHERS = 8
/** Linux counts the time of processes in these. */
const TICK_MICROSECONDS = 10_000

export interface FanoutCost {
  service: string
  deliveriesPerSecond: number
  /** Time of the servers' processors for one delivery. */
  serverMicroseconds: number
  medianMs: number
  p99Ms: number
}

export async function measureFanout (service: Service): Promise<FanoutCost> {
  const scope = createScope()
  try {
    const redis = await startRedis(scope)
    const instances = await Promise.all([service.launch(scope, redis.url), service.launch(scope, redis.url)])
    for (const instance of instances) await instance.ready(10_000)
    const sentAt = new Map<number, number>()
    const latencies: number[] = []
    let finish: () => void = () => {}
    const finished = new Promise<void>(resolve => { finish = resolve })
    const tally: Pick<Tally, 'onItem' | 'onTold' | 'onBroken'> = {
      onItem ({ n }) {
        latencies.push(performance.now() - (sentAt.get(n) ?? NaN))
        if (latencies.length === CLIENTS * UPDATES) finish()
      },
      onTold () { throw new Error('a client missed something without a fault') },
      onBroken (what) { throw new Error(what) }
    }
    for (let i = 0; i < CLIENTS; i++) await service.follow(scope, at(instances, i).url, tally as Tally)

    const cpuBefore = await processorTime(instances)
    const startedAt = performance.now()
    let next = 0
    await Promise.all(Array.from({ length: PUBLISHERS }, async (_, i) => {
      while (next < UPDATES) {
        const n = next++
        sentAt.set(n, performance.now())
        if (!await service.publish(at(instances, i).url, { writer: 0, n }, AbortSignal.timeout(10_000))) throw new Error('a publish was refused')
      }
    }))
    await finished
    const seconds = (performance.now() - startedAt) / 1000
    const cpu = await processorTime(instances) - cpuBefore
    const sorted = latencies.toSorted((a, b) => a - b)
    return {
      service: service.name,
      deliveriesPerSecond: latencies.length / seconds,
      serverMicroseconds: cpu / latencies.length,
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
