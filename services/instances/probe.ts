// The probe: publishes to this instance's own room through the broker, the normal way, and waits for receipt and echo.
// A link can fail without a sign; a receipt that is missing is one of the link for commands, an echo of the other.
import { performance } from 'node:perf_hooks'
import type { Broker, Retention } from '../broker/broker.ts'
import type { Inbox } from './inbox.ts'
import type { Log } from '../observe/log.ts'
import type { Metrics } from '../observe/metrics.ts'
import type { Settings } from '../settings.ts'

const PROBE_EVENT = 'probe'
/** A probe's room is worth nothing once its instance is gone. */
const PROBE_RETENTION: Retention = { historySize: 1, historySeconds: 60, roomSeconds: 60 }

export interface Probe {
  /** Why no receipt or echo came lately; undefined when both did. */
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
  // Far more often than probes are sent: what is missing is to be noticed when it is due.
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
    // While our event loop was blocked, an echo could not be read.
    const blockedMs = Math.max(0, now - tickedAt - 2 * tickMs)
    echoedAt = Math.min(now, echoedAt + blockedMs)
    receivedAt = Math.min(now, receivedAt + blockedMs)
    tickedAt = now
    metrics.probeAge.set(ageMs() / 1000)
    if (ageMs() > settings.PROBE_TIMEOUT_MS && now - replacedAt > settings.PROBE_TIMEOUT_MS) {
      replacedAt = now
      broker.reconnect('no receipt or echo of a probe')
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
      // As soon as it can be.
      sentAt = -Infinity
      return
    }
    try {
      await broker.publish({
        room: inbox.room, event: PROBE_EVENT, payloadJson: String(now), userId: broker.instance, sub: broker.instance, retention: PROBE_RETENTION
      })
      receivedAt = performance.now()
    } catch (error) {
      log.debug({ err: (error as Error).message }, 'probe was not published')
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
