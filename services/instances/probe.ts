// The probes, one for each shard of the broker: they show whether what is published comes back to this instance.
import { performance } from 'node:perf_hooks'
import { Type } from '@sinclair/typebox'
import type { Broker, BrokerShard } from '../broker/broker.ts'
import { faultOfAll } from '../broker/shard-faults.ts'
import type { Log } from '../observe/log.ts'
import type { Metrics } from '../observe/metrics.ts'
import type { Settings } from '../settings.ts'
import { createValidator } from '../wire/validation.ts'
import type { Inbox } from './inbox.ts'
import { createShardProbe, PROBE_EVENT, type ShardProbe } from './shard-probe.ts'

const echoes = createValidator(Type.Object({ shard: Type.String(), sentAt: Type.Number() }))

export interface Probe {
  /** Why too few probes came back; undefined if enough did. */
  fault (): string | undefined
  /** Shards of a cluster whose probes do not come back. */
  silent (): string[]
  start (): void
  close (): void
}

export function createProbe ({ broker, inbox, settings, metrics, log }: {
  broker: Broker, inbox: Inbox, settings: Settings, metrics: Metrics, log: Log
}): Probe {
  const probes = new Map<BrokerShard, ShardProbe>()
  const startedAt = performance.now()
  let tickedAt = performance.now()
  // Ticks far more often than probes are sent, so that a missing echo is noticed in time.
  const tickMs = Math.min(settings.PROBE_INTERVAL_MS, settings.PROBE_TIMEOUT_MS / 10)
  let timer: NodeJS.Timeout | undefined

  inbox.on(PROBE_EVENT, ({ payload }) => {
    if (!echoes.accepts(payload)) return
    for (const [{ name: shard }, probe] of probes) {
      if (shard !== payload.shard) continue
      probe.onEcho()
      metrics.probeSeconds.observe({ shard }, (performance.now() - payload.sentAt) / 1000)
    }
  })

  function onTick (): void {
    const now = performance.now()
    // While our event loop was blocked, no echo could be read.
    const blockedMs = Math.max(0, now - tickedAt - 2 * tickMs)
    tickedAt = now
    const shards = broker.shards()
    for (const shard of probes.keys()) if (!shards.includes(shard)) forget(shard)
    for (const shard of shards) {
      const probe = probeOf(shard)
      probe.onTick(blockedMs)
      if (shard.name !== '') metrics.redisShardUp.set({ shard: shard.name }, probe.fault() === undefined ? 1 : 0)
    }
    const ages = [...probes.values()].map(probe => probe.ageMs())
    metrics.probeAge.set((ages.length > 0 ? Math.max(...ages) : now - startedAt) / 1000)
  }

  function probeOf (shard: BrokerShard): ShardProbe {
    let probe = probes.get(shard)
    if (probe === undefined) {
      probe = createShardProbe({ shard, broker, inbox, settings, tickMs, log })
      probes.set(shard, probe)
    }
    return probe
  }

  function forget (shard: BrokerShard): void {
    probes.get(shard)?.close()
    probes.delete(shard)
    for (const metric of [metrics.redisShardUp, metrics.probeSeconds]) metric.remove({ shard: shard.name })
  }

  function faultOf (shard: BrokerShard): string | undefined {
    return probeOf(shard).fault()
  }

  return {
    fault: () => faultOfAll(broker.shards(), faultOf),

    silent () {
      const shards = broker.shards()
      return shards.length > 1 ? shards.filter(shard => faultOf(shard) !== undefined).map(({ name }) => name) : []
    },

    start () {
      onTick()
      timer = setInterval(onTick, tickMs)
      timer.unref()
    },
    close () {
      clearInterval(timer)
    }
  }
}
