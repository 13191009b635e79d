// Whether this instance should get traffic, and why not; the truth comes from the probe, not from a connection's state.
import { monitorEventLoopDelay } from 'node:perf_hooks'
import type { Broker } from '../broker/broker.ts'
import type { Commands } from './commands.ts'
import type { Metrics } from '../observe/metrics.ts'
import type { Probe } from './probe.ts'
import type { Settings } from '../settings.ts'

const LOOP_WINDOW_MS = 1000

export interface Readiness {
  /** Why not; empty when ready. */
  faults (): string[]
  /** Masters of a Redis Cluster that no probe comes back from: publishes to their rooms are refused. */
  silentShards (): string[]
  isDraining (): boolean
  startDraining (): void
  start (): void
  close (): void
}

export function createReadiness ({ broker, probe, commands, settings, metrics }: {
  broker: Broker, probe: Probe, commands: Commands, settings: Settings, metrics: Metrics
}): Readiness {
  const delay = monitorEventLoopDelay({ resolution: 20 })
  let timer: NodeJS.Timeout | undefined
  let isLoopLate = false
  let isDraining = false

  function faults (): string[] {
    return [
      isDraining ? 'draining' : undefined,
      broker.fault(),
      probe.fault(),
      commands.isCaughtUp() ? undefined : 'the commands given so far are not known yet',
      isLoopLate ? `the event loop is late by more than ${settings.EVENT_LOOP_MAX_DELAY_MS} ms` : undefined
    ].filter(fault => fault !== undefined)
  }

  return {
    faults,
    silentShards: probe.silent,
    isDraining: () => isDraining,
    startDraining () { isDraining = true },
    start () {
      delay.enable()
      timer = setInterval(() => {
        isLoopLate = delay.max / 1e6 > settings.EVENT_LOOP_MAX_DELAY_MS
        delay.reset()
        metrics.ready.set(faults().length === 0 ? 1 : 0)
      }, LOOP_WINDOW_MS)
      timer.unref()
    },
    close () {
      clearInterval(timer)
      delay.disable()
    }
  }
}
