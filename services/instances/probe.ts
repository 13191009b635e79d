// The probe: publishes to this instance's own room, like any publish, and waits for receipt and echo. Links can fail
// silently: a missing receipt means that the command link failed, a missing echo the subscriber link.
import { performance } from 'node:perf_hooks'
import type { Broker, Retention } from '../broker/broker.ts'
import type { Inbox } from './inbox.ts'
import type { Log } from '../observe/log.ts'
import type { Metrics } from '../observe/metrics.ts'
import type { Settings } from '../settings.ts'

const PROBE_EVENT = 'probe'
/** The room of a dead instance is useless, so it lives only briefly. */
const PROBE_RETENTION: Retention = { historySize: 1, historySeconds: 60, roomSeconds: 60 }

export interface Probe {
  /** Why the last probe is missing; undefined if receipt and echo came in time. */
  fault (): string | undefined
  start (): void
  close (): void
}

export function createProbe ({ broker, inbox, settings, metrics, log }: {
  broker: Broker, inbox: Inbox, settings: Settings, metrics: Metrics, log: Log
}): Probe {
  let echoedAt = performance.now()
  let receivedAt = performance.now()
  let replacedAt = performance.now()
  let hasEchoed = false
  let tickedAt = performance.now()
  let sentAt = -Infinity
  // Ticks far more often than probes are sent, so that a missing echo is noticed in time.
  const tickMs = Math.min(settings.PROBE_INTERVAL_MS, settings.PROBE_TIMEOUT_MS / 10)
  let timer: NodeJS.Timeout | undefined

  inbox.on(PROBE_EVENT, ({ payload }) => {
    if (typeof payload !== 'number') return
    const now = performance.now()
    hasEchoed = true
    echoedAt = now
    metrics.probeSeconds.observe((now - payload) / 1000)
  })

  function onTick (): void {
    const now = performance.now()
    // While our event loop was blocked, no echo could be read.
    const blockedMs = Math.max(0, now - tickedAt - 2 * tickMs)
    echoedAt = Math.min(now, echoedAt + blockedMs)
    receivedAt = Math.min(now, receivedAt + blockedMs)
    tickedAt = now
    metrics.probeAge.set(ageMs() / 1000)
    if (ageMs() > settings.PROBE_TIMEOUT_MS && now - replacedAt > settings.PROBE_TIMEOUT_MS) {
      replacedAt = now
      broker.reconnect('a probe got no receipt or no echo')
    }
    if (now - sentAt < settings.PROBE_INTERVAL_MS - tickMs / 2) return
    sentAt = now
    void send(now)
  }

  function ageMs (): number {
    return performance.now() - Math.min(echoedAt, receivedAt)
  }

  async function send (now: number): Promise<void> {
    if (!await inbox.open()) {
      // Send as soon as the inbox is open.
      sentAt = -Infinity
      return
    }
    try {
      await broker.publish({
        room: inbox.room, event: PROBE_EVENT, payloadJson: String(now), userId: broker.instance, sub: broker.instance, retention: PROBE_RETENTION
      })
      receivedAt = performance.now()
    } catch (error) {
      log.debug({ err: (error as Error).message }, 'could not publish a probe')
    }
  }

  return {
    fault () {
      if (!hasEchoed) return 'no probe has come back through the broker yet'
      return ageMs() > settings.PROBE_TIMEOUT_MS ? `no probe came back through the broker for ${Math.round(ageMs())} ms` : undefined
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
