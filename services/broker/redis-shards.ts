// The shards of Redis: each master with a link of its own and the slots that it serves. A standalone Redis is one shard
// with one slot for all rooms. The slot of a room picks the link, and picks again when a node reports that the slot has moved.
import type { EventEmitter } from 'node:events'
import { performance } from 'node:perf_hooks'
import { setTimeout as pause } from 'node:timers/promises'
import calculateSlot from 'cluster-key-slot'
import type { Log } from '../observe/log.ts'
import type { Metrics } from '../observe/metrics.ts'
import type { Settings } from '../settings.ts'
import type { HostAndPort } from '../settings/urls.ts'
import { RoomcastError } from '../wire/errors.ts'
import type { RoomKey } from '../wire/rooms.ts'
import type { BrokerEvents } from './broker.ts'
import { createRedisChannels } from './redis-channels.ts'
import { readRedirect, type Redirect } from './redis-errors.ts'
import { createRedisHandovers, type Move } from './redis-handovers.ts'
import { createRedisLines } from './redis-lines.ts'
import { createRedisLink, type RedisConnections } from './redis-link.ts'
import { createRedisLooks } from './redis-looks.ts'
import { createRedisPending } from './redis-pending.ts'
import { createRedisPublishes } from './redis-publishes.ts'
import type { RedisPlace, RedisShard, ShardRooms } from './redis-shard.ts'
import type { Master } from './redis-topology.ts'
import { faultOfAll } from './shard-faults.ts'

const SLOTS = 16_384
/** The pause before a slot in transit is asked again. */
const RETRY_MS = 20
/** A longer look at the masters does not delay writes: they go to the last known shard, which reports if the slot has moved. */
const LOOK_PATIENCE_MS = 50

export interface RedisShards {
  /**
   * Runs a command at the shard of a room, as `Run` does. If Redis executed nothing because the slot moves, the command runs
   * again with the arguments for its new shard. Writes of one room keep their order.
   * @throws RoomcastError `broker/unavailable` (not run), `broker/timeout` (a write that may have run)
   */
  run<T> (room: RoomKey, kind: 'read' | 'write', command: (place: RedisPlace) => Promise<T>, timeoutMs?: number, bytes?: number): Promise<T>
  /** Rooms without a shard are left out. */
  group (rooms: RoomKey[]): ShardRooms[]
  /** Resolves when a room whose slot moved can be asked again. */
  redirected (redirect: Redirect, room: RoomKey): Promise<void>
  subscribe (room: RoomKey, channel: string, onText: (text: string) => void): Promise<void>
  unsubscribe (channel: string): Promise<void>
  /** Shards that serve rooms. */
  all (): readonly RedisShard[]
  /** The reason why the shards cannot be used; undefined if they can. */
  fault (): string | undefined
  close (): void
}

export interface RedisShardsOptions {
  /** Makes the connections of a link. @param node of a cluster */
  open: (node?: HostAndPort) => RedisConnections
  newEpoch: () => string
  settings: Settings
  log: Log
  metrics: Metrics
  events: EventEmitter<BrokerEvents>
}

export function createRedisShards ({ open, newEpoch, settings, log, metrics, events }: RedisShardsOptions): RedisShards {
  const isCluster = settings.REDIS_CLUSTER !== ''
  const slotOf = isCluster ? (name: string) => calculateSlot(name) : () => 0
  /** By slot. */
  let owners: Array<RedisShard | undefined> = []
  let shards: RedisShard[] = []
  let serving: readonly RedisShard[] = []
  const ownerOf = (slot: number) => owners[slot]

  const handovers = createRedisHandovers<RedisShard>()
  const lines = createRedisLines({ ownerOf, redirected, waiting: createRedisPending(settings, metrics, () => shards.length) })
  const channels = createRedisChannels({
    ownerOf,
    redirected,
    onInterrupted: concerns => events.emit('interrupted', concerns),
    onResumed: concerns => events.emit('resumed', concerns),
    onRefused: () => looks?.soon(),
    timeoutMs: settings.PROBE_TIMEOUT_MS,
    log
  })
  const looks = isCluster
    ? createRedisLooks({ settings, log, shards: () => shards, isWhole, onMasters })
    : undefined
  if (looks === undefined) use([{ id: '', address: undefined, slots: [[0, 0]] }])
  else looks.start()

  // ── The map ───────────────────────────────────────────────────────────────

  /** @param sinceMs when the look before this one began */
  async function onMasters (masters: Master[], sinceMs: number): Promise<void> {
    const next = masters.map(master => shards.find(shard => isAt(shard, master)))
    const moves = masters.flatMap(({ slots }, i) => slots.flatMap(range => movesTo(next[i], range)))
    // This must come before any command runs at the new shard.
    if (moves.length > 0) log.info({ slots: moves.length, whole: await handovers.moved(moves, shards, sinceMs) }, 'slots have moved to other masters of the cluster')
    use(masters)
  }

  function movesTo (to: RedisShard | undefined, [first, last]: [number, number]): Array<Move<RedisShard>> {
    const moves: Array<Move<RedisShard>> = []
    for (let slot = first; slot <= last; slot++) {
      const from = owners[slot]
      if (from !== undefined && from !== to) moves.push({ slot, from, to })
    }
    return moves
  }

  function use (masters: Array<Pick<Master, 'id' | 'slots'> & { address: HostAndPort | undefined }>): void {
    const before = shards
    shards = masters.map(master => before.find(shard => isAt(shard, master)) ?? create(master.id, master.address))
    owners = Array.from({ length: isCluster ? SLOTS : 1 })
    for (const [i, { slots }] of masters.entries()) for (const [first, last] of slots) owners.fill(shards[i], first, last + 1)
    const serves = new Set(owners)
    serving = shards.filter(shard => serves.has(shard))
    for (const shard of before) if (!shards.includes(shard)) retire(shard)
    channels.follow()
    onChange()
  }

  function isAt ({ id, name }: RedisShard, { id: other, address }: { id: string, address: HostAndPort | undefined }): boolean {
    return id === other && (address === undefined || name === `${address.host}:${address.port}`)
  }

  function create (id: string, node: HostAndPort | undefined): RedisShard {
    const link = createRedisLink({
      ...open(node),
      node: node === undefined ? undefined : { id, slotOf, isIdle: () => !serving.includes(shard) },
      pending: createRedisPending(settings, metrics, () => shards.length),
      settings,
      log,
      metrics,
      onUp () {
        looks?.soon()
        events.emit('resumed', shard.has)
      },
      onChange,
      onFailed: () => looks?.soon(),
      onOther: handovers.forget,
      onDown: () => events.emit('interrupted', shard.has),
      onMoved () {
        channels.onMoved(shard)
        void looks?.now(shard)
      }
    })
    const shard: RedisShard = {
      id,
      name: link.place,
      link,
      publish: createRedisPublishes({ turn: link.turn, receiptSeconds: settings.IDEMPOTENCY_TTL_SECONDS, newEpoch }),
      fault: link.fault,
      has: room => owners[slotOf(room)] === shard,
      reconnect: link.reconnect
    }
    return shard
  }

  /** Unanswered commands are answered first, with the new shard. */
  function retire ({ link }: RedisShard): void {
    setTimeout(link.close, settings.PUBLISH_TIMEOUT_MS).unref()
  }

  function onChange (): void {
    for (const which of ['commands', 'subscriber'] as const) {
      metrics.redisUp.set({ link: which }, shards.length > 0 && shards.every(({ link }) => link.stands[which]()) ? 1 : 0)
    }
    if (!isWhole()) looks?.soon()
  }

  function isWhole (): boolean {
    return serving.every(({ fault }) => fault() === undefined) && !owners.includes(undefined)
  }

  // ── Commands ──────────────────────────────────────────────────────────────

  async function redirected (redirect: Redirect, slot: number, shard: RedisShard): Promise<void> {
    if (redirect === 'elsewhere') await Promise.race([looks?.now(shard), pause(LOOK_PATIENCE_MS)])
    if (owners[slot] === shard) await pause(RETRY_MS)
  }

  /** Asks a node of a cluster, and the next one if it sends us there. */
  async function ask<T> (slot: number, send: (shard: RedisShard) => Promise<T>, deadline: number): Promise<T> {
    for (;;) {
      const shard = owners[slot]
      if (shard === undefined) throw new RoomcastError('broker/unavailable')
      try {
        return await send(shard)
      } catch (error) {
        const redirect = readRedirect(error)
        if (redirect === undefined || performance.now() >= deadline) throw error
        await redirected(redirect, slot, shard)
      }
    }
  }

  return {
    run (room, kind, command, timeoutMs = settings.PUBLISH_TIMEOUT_MS, bytes = 0) {
      const slot = slotOf(room)
      const deadline = performance.now() + timeoutMs
      const send = (shard: RedisShard) => {
        const leftMs = deadline - performance.now()
        return shard.link.run(kind, (redis, identity) => command({
          redis, identity: handovers.identityAt(shard, slot, identity), clock: shard.link.clock, publish: shard.publish, slot, leftMs
        }), leftMs, bytes)
      }
      // A standalone Redis redirects nothing: what it answers is the outcome.
      if (!isCluster) return send(owners[slot] as RedisShard)
      return kind === 'read' ? ask(slot, send, deadline) : lines.run({ slot, room, send, deadline, bytes })
    },

    group (rooms) {
      const groups = new Map<RedisShard, ShardRooms>()
      for (const room of rooms) {
        const shard = owners[slotOf(room)]
        if (shard === undefined) continue
        const group = groups.get(shard)
        if (group !== undefined) group.rooms.push(room)
        else groups.set(shard, { link: shard.link, rooms: [room], identityOf: (room, identity) => handovers.identityAt(shard, slotOf(room), identity) })
      }
      return [...groups.values()]
    },

    async redirected (redirect, room) {
      const slot = slotOf(room)
      const shard = owners[slot]
      if (shard !== undefined) await redirected(redirect, slot, shard)
    },

    subscribe: (room, channel, onText) => channels.subscribe(room, slotOf(room), channel, onText),
    unsubscribe: channels.unsubscribe,
    all: () => serving,
    fault: () => looks?.fault() ?? faultOfAll(serving, ({ fault }) => fault()),
    close () {
      looks?.close()
      channels.close()
      for (const { link } of shards) link.close()
    }
  }
}
