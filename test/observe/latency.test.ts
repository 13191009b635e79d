// A latency is read as one of prom-client's own histograms would be.
import { Histogram, Registry } from 'prom-client'
import { test } from 'tap'
import { createLatency } from '../../services/observe/latency.ts'

const BUCKETS = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5]

test('observations are read as those of prom-client', async t => {
  const [ours, theirs] = [new Registry(), new Registry()]
  const latency = createLatency('took_seconds', 'Time.', ours)
  const histogram = new Histogram({ name: 'took_seconds', help: 'Time.', buckets: BUCKETS, registers: [theirs] })
  t.equal(await ours.metrics(), await theirs.metrics())
  const known = ({ name, help, type, aggregator }: ReturnType<Registry['getMetricsAsArray']>[number]) => ({ name, help, type, aggregator })
  t.strictSame(ours.getMetricsAsArray().map(known), theirs.getMetricsAsArray().map(known))
  for (const seconds of [0, 0.0005, 0.00051, 0.02, 0.02, 4.99, 5, 5.01, 60]) {
    latency.observe(seconds)
    histogram.observe(seconds)
    t.equal(await ours.metrics(), await theirs.metrics())
  }
})
