// The broker on Redis: scripts for the atomic steps, one channel per room.
import { randomUUID } from 'node:crypto'
import { EventEmitter } from 'node:events'
import { performance } from 'node:perf_hooks'
import type { Broker, BrokerEvents, HistoryLimits, HistoryRead, Message, PresenceSnapshot, StoredUpdate, PublishRequest } from './broker.ts'
import { createEnvelopeReader, envelopeBody, presenceEnvelope, readPresenceEntry } from './envelope.ts'
import { createEpochs } from './epochs.ts'
import { RoomcastError } from '../wire/errors.ts'
import type { Log } from '../observe/log.ts'
import type { Metrics } from '../observe/metrics.ts'
import type { Receipt } from '../wire/protocol.ts'
import { createReads } from './reads.ts'
import type { RedisClock } from './redis-clock.ts'
import type { Run } from './redis-commands.ts'
import { createRedisHooks } from './redis-hooks.ts'
import type { RedisIdentity } from './redis-identity.ts'
import type { RedisConnections } from './redis-link.ts'
import { createRedisPositions } from './redis-positions.ts'
import type { RedisPublish } from './redis-publishes.ts'
import { redisNames } from './redis-scripts.ts'
import { createRedisShards } from './redis-shards.ts'
import { defaultRetention, emptyRoomSeconds } from './retention.ts'
import { HOOKS_ROOM, type RoomKey } from '../wire/rooms.ts'
import type { Settings } from '../settings.ts'
import { readRedisUrl, type HostAndPort } from '../settings/urls.ts'

/** A `late` answer within this part of the timeout means that Redis' clock was changed, not that the update is late. */
const SOON = 0.5

export interface RedisBrokerOptions {
  instance: string
  /** Makes the connections of a link. @param node of a cluster; without it, to where the settings say */
  open: (node?: HostAndPort) => RedisConnections
  settings: Settings
  log: Log
  metrics: Metrics
}

export function createRedisBroker ({ instance, open, settings, log, metrics }: RedisBrokerOptions): Broker {
  const events = new EventEmitter<BrokerEvents>()
  const reads = createReads({ settings, metrics })
  const retention = defaultRetention(settings)
  const newEpoch = createEpochs()
  const shards = createRedisShards({ open, newEpoch, settings, log, metrics, events })
  const database = readRedisUrl(settings.REDIS_URL)?.database
  const namesOf = (room: RoomKey) => redisNames(settings.REDIS_PREFIX, room, database)

  /** The state of the webhook is in the slot of one room. */
  const runHooks: Run = (kind, command, timeoutMs, bytes) => shards.run(HOOKS_ROOM, kind, ({ redis, identity }) => command(redis, identity), timeoutMs, bytes)

  /**
   * The first arguments of every script on a room.
   * @param roomSeconds how long a room lives that is created, or gets a new epoch
   */
  const roomArgs = ({ runId, whole }: RedisIdentity, roomSeconds = emptyRoomSeconds(retention)) => [runId, whole, newEpoch(), roomSeconds]

  /** Publishes by a deadline. Tries again if Redis' clock turns out to have been changed. */
  async function publish (publication: PublishRequest, kind: RedisPublish['kind']): Promise<Receipt> {
    const { room, sub, callerId } = publication
    const { meta, log, receipt, channel } = namesOf(room)
    const id = callerId ?? randomUUID()
    const keys = kind === 'once' ? [meta, log, receipt(sub, id)] : [meta, log]
    const body = envelopeBody(publication, id)
    const startedAt = performance.now()
    for (;;) {
      const leftMs = settings.PUBLISH_TIMEOUT_MS - (performance.now() - startedAt)
      let clock: RedisClock | undefined
      const published = await shards.run(room, 'write', place => {
        clock = place.clock
        const deadline = clock.deadline(place.leftMs)
        return place.publish(place.redis, place.identity, { kind, keys, channel, body, retention: publication.retention ?? retention, deadline, slot: place.slot })
      }, leftMs, Buffer.byteLength(body))
      if (published.outcome === 'late') clock?.reset()
      clock?.sample(published.time)
      if (published.outcome !== 'late') {
        const { outcome, epoch, offset, instances } = published
        return { id, epoch, offset: kind === 'ephemeral' ? null : offset, duplicate: outcome === 'known', instances }
      }
      if (performance.now() - startedAt > settings.PUBLISH_TIMEOUT_MS * SOON) {
        throw new RoomcastError('broker/unavailable', 'The update reached Redis too late and was not published: send it again.')
      }
    }
  }

  async function subscribe (room: RoomKey, onMessage: (message: Message) => void): Promise<void> {
    const read = createEnvelopeReader(room)
    await shards.subscribe(room, namesOf(room).channel, text => {
      const message = read(text)
      if (message !== undefined) return onMessage(message)
      metrics.dropped.inc({ reason: 'garbage' })
      log.warn({ room, length: text.length }, 'dropped an unreadable message: see RoomcastGarbage')
    })
  }

  function history (room: RoomKey, since: number, { maxUpdates, maxBytes }: HistoryLimits, caller = room): Promise<HistoryRead> {
    const names = namesOf(room)
    // A few updates cannot be as large as maxBytes.
    const bytes = Math.min(maxBytes, maxUpdates * 2 * settings.MAX_PAYLOAD_BYTES)
    return reads.run({ room, question: `history ${since} ${maxUpdates} ${maxBytes}`, caller, bytes }, async () => {
      metrics.historyReads.inc()
      const [epoch, offset, oldest, texts] = await shards.run(room, 'read', ({ redis, identity }) => redis.history(
        names.meta, names.log, ...roomArgs(identity, settings.READ_ROOM_TTL_SECONDS), since, maxUpdates, maxBytes
      ) as Promise<[string, number, number, string[]]>, settings.PROBE_TIMEOUT_MS)
      const updates = texts.map(createEnvelopeReader(room)).filter((message): message is StoredUpdate => message?.kind === 'update')
      return { epoch, offset, oldest: oldest < 0 ? undefined : oldest, updates }
    })
  }

  function presence (room: RoomKey, caller = room): Promise<PresenceSnapshot> {
    // The size of the answer is unknown beforehand.
    const bytes = settings.READS_MAX_BYTES / settings.READS_AT_ONCE
    return reads.run({ room, question: 'presence', caller, bytes }, async () => {
      const fields = await shards.run(room, 'read', ({ redis }) => redis.hgetall(namesOf(room).presence))
      return Object.entries(fields).flatMap(([field, value]) => {
        const entry = readPresenceEntry(value)
        return entry === undefined ? [] : [{ instance: field.slice(0, field.indexOf('/')), entry }]
      })
    })
  }

  return {
    instance,
    events,
    hooks: createRedisHooks({ run: runHooks, instance, settings }),
    publish: publication => publish(publication, publication.callerId === undefined ? 'update' : 'once'),
    publishEphemeral: publication => publish(publication, 'ephemeral'),
    subscribe,
    unsubscribe: room => shards.unsubscribe(namesOf(room).channel),
    ...createRedisPositions({
      shards, prefix: settings.REDIS_PREFIX, namesOf, roomArgs, retention, presenceSeconds: settings.PRESENCE_TTL_SECONDS, timeoutMs: settings.PROBE_TIMEOUT_MS, log
    }),
    history,
    presence,

    async renewEpoch (room, epoch) {
      const names = namesOf(room)
      await shards.run(room, 'write', ({ redis, identity }) => redis.renewEpoch(names.meta, names.log, ...roomArgs(identity), epoch))
    },

    async updatePresence (room, { joined, left }) {
      const names = namesOf(room)
      const sets = joined.flatMap(entry => [presenceField(instance, entry.socketId), JSON.stringify(entry)])
      const drops = left.map(socketId => presenceField(instance, socketId))
      const envelope = presenceEnvelope({ instance, joined, left })
      await shards.run(room, 'write', ({ redis }) => redis.updatePresence(
        names.presence, names.channel, settings.PRESENCE_TTL_SECONDS, envelope, joined.length, ...sets, ...drops
      ), settings.PUBLISH_TIMEOUT_MS, 2 * Buffer.byteLength(envelope))
    },

    async forgetPresence (room, silent, socketIds) {
      await shards.run(room, 'write', ({ redis }) => redis.hdel(namesOf(room).presence, ...socketIds.map(id => presenceField(silent, id))))
    },

    shards: shards.all,
    fault: shards.fault,
    async close () { shards.close() }
  }
}

function presenceField (instance: string, socketId: string): string {
  return `${instance}/${socketId}`
}
