// The live instances. Each sends a heartbeat to the commands room every HEARTBEAT_MS; one that is silent for LEASE_MS is dead.
import { performance } from 'node:perf_hooks'
import type { Broker, Concerns } from '../broker/broker.ts'
import type { Log } from '../observe/log.ts'
import { COMMANDS_ROOM } from '../wire/rooms.ts'
import type { Settings } from '../settings.ts'

export const HEARTBEAT_EVENT = 'alive'

export interface Peers {
  /** Records a heartbeat of an instance. */
  heard (instance: string): void
  /** Whether an instance was heard within LEASE_MS. An unknown instance counts as heard now. */
  isAlive (instance: string): boolean
  /** All live instances, including this one. */
  alive (): string[]
  /** Registers a handler for each heartbeat of this instance. */
  onBeat (handler: () => void): void
  start (): void
  close (): void
}

export function createPeers ({ broker, settings, log }: { broker: Broker, settings: Settings, log: Log }): Peers {
  const lastHeard = new Map<string, number>()
  const handlers: Array<() => void> = []
  let timer: NodeJS.Timeout | undefined
  let beatAt = performance.now()
  let isDeaf = false

  /** Restarts all leases after a time in which this instance could not hear the others. */
  function forgive (): void {
    for (const instance of lastHeard.keys()) lastHeard.set(instance, performance.now())
  }

  function onInterrupted (concerns: Concerns): void {
    if (concerns(COMMANDS_ROOM)) isDeaf = true
  }

  function onResumed (concerns: Concerns): void {
    if (!concerns(COMMANDS_ROOM)) return
    isDeaf = false
    forgive()
  }

  async function beat (): Promise<void> {
    const { instance } = broker
    try {
      await broker.publishEphemeral({ room: COMMANDS_ROOM, event: HEARTBEAT_EVENT, payloadJson: 'null', userId: instance, sub: instance })
    } catch (error) {
      log.debug({ err: (error as Error).message }, 'could not send a heartbeat')
    }
  }

  function isAlive (instance: string): boolean {
    if (instance === broker.instance || isDeaf) return true
    const heardAt = lastHeard.get(instance)
    if (heardAt === undefined) lastHeard.set(instance, performance.now())
    return heardAt === undefined || performance.now() - heardAt < settings.LEASE_MS
  }

  return {
    heard (instance) {
      lastHeard.set(instance, performance.now())
    },
    isAlive,
    alive: () => [broker.instance, ...[...lastHeard.keys()].filter(instance => instance !== broker.instance && isAlive(instance))],

    onBeat (handler) {
      handlers.push(handler)
    },

    start () {
      broker.events.on('interrupted', onInterrupted)
      broker.events.on('resumed', onResumed)
      void beat()
      timer = setInterval(() => {
        const now = performance.now()
        if (now - beatAt > 2 * settings.HEARTBEAT_MS) forgive()
        beatAt = now
        void beat()
        for (const handler of handlers) handler()
        // Dead for so long that no view contains it any more.
        for (const [instance, heardAt] of lastHeard) if (now - heardAt > 10 * settings.LEASE_MS) lastHeard.delete(instance)
      }, settings.HEARTBEAT_MS)
      timer.unref()
    },

    close () {
      clearInterval(timer)
      broker.events.off('interrupted', onInterrupted)
      broker.events.off('resumed', onResumed)
    }
  }
}
