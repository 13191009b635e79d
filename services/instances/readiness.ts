// Whether this instance should get traffic. Relies on the probe, not on the state of a connection.
import { monitorEventLoopDelay, performance } from 'node:perf_hooks'
import type { Broker } from '../broker/broker.ts'
import type { Commands } from './commands.ts'
import { LOOP_PACE_MS, type Metrics } from '../observe/metrics.ts'
import type { Probe } from './probe.ts'
import type { Settings } from '../settings.ts'

const LOOP_WINDOW_MS = 1000

export interface Load {
  /** 1 is a whole core. */
  cpu: number
  eventLoopDelayMs: number
}

export interface Readiness {
  /** The reasons why it is not ready; empty when it is. */
  faults (): string[]
  isDraining (): boolean
  /** What the process used of a core, and how late its event loop was at most, in the last second. */
  load (): Load
  startDraining (): void
  start (): void
  close (): void
}

export function createReadiness ({ broker, probe, commands, settings, metrics }: {
  broker: Broker, probe: Probe, commands: Commands, settings: Settings, metrics: Metrics
}): Readiness {
  const delay = monitorEventLoopDelay({ resolution: LOOP_PACE_MS })
  let timer: NodeJS.Timeout | undefined
  let isLoopLate = false
  let used = process.cpuUsage()
  let sampledAt = performance.now()
  let load: Load = { cpu: 0, eventLoopDelayMs: 0 }
  let isDraining = false

  function faults (): string[] {
    return [
      isDraining ? 'draining' : undefined,
      broker.fault(),
      probe.fault(),
      commands.isCaughtUp() ? undefined : 'earlier commands are not known yet',
      isLoopLate ? `the event loop is late by more than ${settings.EVENT_LOOP_MAX_DELAY_MS} ms` : undefined
    ].filter(fault => fault !== undefined)
  }

  function sample (): void {
    const { user, system } = process.cpuUsage(used)
    const now = performance.now()
    load = { cpu: (user + system) / 1000 / (now - sampledAt), eventLoopDelayMs: Math.max(0, delay.max / 1e6 - LOOP_PACE_MS) }
    used = process.cpuUsage()
    sampledAt = now
  }

  return {
    faults,
    isDraining: () => isDraining,
    load: () => load,
    startDraining () { isDraining = true },
    start () {
      delay.enable()
      timer = setInterval(() => {
        sample()
        isLoopLate = load.eventLoopDelayMs > settings.EVENT_LOOP_MAX_DELAY_MS
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
