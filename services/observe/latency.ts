// A histogram of seconds for hot paths: one addition for each observation, which takes prom-client's own a microsecond or more.
import type { Metric, Registry } from 'prom-client'

/** In seconds. */
export const BOUNDS = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5]

export interface Latency {
  observe (seconds: number): void
}

/** Adds a histogram to the registry. */
export function createLatency (name: string, help: string, registry: Registry): Latency {
  const about = { name, help, type: 'histogram', aggregator: 'sum' }
  /** How many were at most each bound and above the one before; the last place counts the others. */
  let counts: number[] = []
  let sum = 0

  function reset (): void {
    counts = Array.from({ length: BOUNDS.length + 1 }, () => 0)
    sum = 0
  }

  /** In prom-client's form. */
  async function get () {
    let count = 0
    const buckets = [...BOUNDS, '+Inf'].map((le, i) => {
      count += counts[i] as number
      return { metricName: `${name}_bucket`, labels: { le }, value: count }
    })
    const rest = [{ metricName: `${name}_sum`, labels: {}, value: sum }, { metricName: `${name}_count`, labels: {}, value: count }]
    return { ...about, values: [...buckets, ...rest] }
  }

  reset()
  registry.registerMetric({ ...about, get, reset } as unknown as Metric)
  return {
    observe (seconds) {
      let place = 0
      while (place < BOUNDS.length && seconds > (BOUNDS[place] as number)) place++
      counts[place] = (counts[place] as number) + 1
      sum += seconds
    }
  }
}
