// Measures the cost of disabled tracing: a publish through the embedded broker, with and without our tracing.
import { performance } from 'node:perf_hooks'
import type { PublishRequest } from '../services/broker/broker.ts'
import { createMemoryBroker } from '../services/broker/memory-broker.ts'
import { createMetrics } from '../services/observe/metrics.ts'
import { readSettings } from '../services/settings/read.ts'
import { tracePublish } from '../services/observe/tracing.ts'
import { median } from './measure/statistics.ts'

const PUBLISHES = 50_000
const ROUNDS = 9

export interface TracingCost {
  plainMicroseconds: number
  tracedMicroseconds: number
}

/** Medians of alternating rounds, so that other load affects both equally. */
export async function measureTracing (): Promise<TracingCost> {
  const broker = createMemoryBroker({ instance: 'bench', settings: readSettings({}), metrics: createMetrics() })
  const room = 'acme/board-1'
  const publication = (trace: string | undefined): PublishRequest =>
    ({ room, event: 'E', payloadJson: '{"card":7,"column":"done"}', userId: 'ann', sub: 'ann', callerId: undefined, trace })
  const plain = () => broker.publish(publication(undefined))
  const traced = () => tracePublish(room, 'update', trace => broker.publish(publication(trace)))
  const times = { plain: [] as number[], traced: [] as number[] }
  for (let round = 0; round < ROUNDS; round++) {
    times.plain.push(await time(plain))
    times.traced.push(await time(traced))
  }
  await broker.close()
  return { plainMicroseconds: median(times.plain), tracedMicroseconds: median(times.traced) }
}

async function time (publish: () => Promise<unknown>): Promise<number> {
  const startedAt = performance.now()
  for (let i = 0; i < PUBLISHES; i++) await publish()
  return (performance.now() - startedAt) * 1000 / PUBLISHES
}
