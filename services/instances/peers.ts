// Which instances live: each says so every HEARTBEAT_MS on the commands room; one that is silent for LEASE_MS is gone.
import { performance } from 'node:perf_hooks'
import type { Broker, Concerns } from '../broker/broker.ts'
import type { Log } from '../observe/log.ts'
import { COMMANDS_ROOM } from '../wire/rooms.ts'
import type { Settings } from '../settings.ts'

export const HEARTBEAT_EVENT = 'alive'

export interface Peers {
  /** An instance was heard; also counts the first sight of one that has not been heard yet. */
  heard (instance: string): void
  /** Known, and not silent; an instance that is seen for the first time counts as heard now. */
  isAlive (instance: string): boolean
  /** All instances that live, this one included. */
  alive (): string[]
  /** To be called at each heartbeat. */
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

  /** What was not heard because we could not hear does not count. */
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
      log.debug({ err: (error as Error).message }, 'heartbeat was not sent')
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
        // Long gone, and by now out of every view.
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
