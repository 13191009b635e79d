// The probe of one shard: publishes to a room of this instance there, like any publish, and waits for receipt and echo.
// Links can fail silently: a missing receipt means that the command link failed, a missing echo the subscriber link.
import { performance } from 'node:perf_hooks'
import type { Broker, BrokerShard, Retention } from '../broker/broker.ts'
import type { Log } from '../observe/log.ts'
import type { Settings } from '../settings.ts'
import { instanceRoom, type RoomKey } from '../wire/rooms.ts'
import type { Inbox } from './inbox.ts'

export const PROBE_EVENT = 'probe'
/** The room of a dead instance is useless, so it lives only briefly. */
const PROBE_RETENTION: Retention = { historySize: 1, historySeconds: 60, roomSeconds: 60 }
/** Names to try for a room in a slot of the shard. Even for a master with one slot of 16,384, this fails once in a million cases. */
const MOST_NAMES = 250_000

export interface ShardProbe {
  /** Since the last receipt or echo, whichever is longer ago. */
  ageMs (): number
  /** The reason why no receipt or echo came lately; undefined if both did. */
  fault (): string | undefined
  onEcho (): void
  /** @param blockedMs how long our event loop was blocked, so that no echo could be read */
  onTick (blockedMs: number): void
  close (): void
}

export function createShardProbe ({ shard, broker, inbox, settings, tickMs, log }: {
  shard: BrokerShard, broker: Broker, inbox: Inbox, settings: Settings, tickMs: number, log: Log
}): ShardProbe {
  let echoedAt = performance.now()
  let receivedAt = performance.now()
  let replacedAt = performance.now()
  let hasEchoed = false
  let sentAt = -Infinity
  let room: RoomKey | undefined

  function ageMs (): number {
    return performance.now() - Math.min(echoedAt, receivedAt)
  }

  /** A room in a slot of this shard, also after that slot was moved. */
  function roomHere (): RoomKey | undefined {
    if (room !== undefined && shard.has(room)) return room
    if (room !== undefined) void inbox.leave(room)
    room = shard.has(inbox.room) ? inbox.room : undefined
    for (let n = 1; room === undefined && n <= MOST_NAMES; n++) {
      const other = instanceRoom(`${broker.instance}.${n}`)
      if (shard.has(other)) room = other
    }
    return room
  }

  async function send (now: number): Promise<void> {
    const here = roomHere()
    if (here === undefined || !await inbox.open(here)) {
      // Send as soon as the inbox is open.
      sentAt = -Infinity
      return
    }
    try {
      await broker.publish({
        room: here,
        event: PROBE_EVENT,
        payloadJson: JSON.stringify({ shard: shard.name, sentAt: now }),
        userId: broker.instance,
        sub: broker.instance,
        retention: PROBE_RETENTION
      })
      receivedAt = performance.now()
    } catch (error) {
      log.debug({ err: (error as Error).message }, 'could not publish a probe')
    }
  }

  return {
    ageMs,

    fault () {
      if (!hasEchoed) return 'no probe has come back through the broker yet'
      return ageMs() > settings.PROBE_TIMEOUT_MS ? `no probe came back through the broker for ${Math.round(ageMs())} ms` : undefined
    },

    onEcho () {
      hasEchoed = true
      echoedAt = performance.now()
    },

    onTick (blockedMs) {
      const now = performance.now()
      echoedAt = Math.min(now, echoedAt + blockedMs)
      receivedAt = Math.min(now, receivedAt + blockedMs)
      if (ageMs() > settings.PROBE_TIMEOUT_MS && now - replacedAt > settings.PROBE_TIMEOUT_MS) {
        replacedAt = now
        shard.reconnect('a probe got no receipt or no echo')
      }
      if (now - sentAt < settings.PROBE_INTERVAL_MS - tickMs / 2) return
      sentAt = now
      void send(now)
    },

    close () {
      if (room !== undefined) void inbox.leave(room)
    }
  }
}
