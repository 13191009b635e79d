// The broker on Redis: scripts for the atomic steps, one channel a room.
import { randomUUID } from 'node:crypto'
import { EventEmitter } from 'node:events'
import { performance } from 'node:perf_hooks'
import type { Redis } from 'ioredis'
import type { Broker, BrokerEvents, Message, StoredUpdate, PublishRequest, Retention } from './broker.ts'
import { createEnvelopeReader, envelopeBody, presenceEnvelope, readPresenceEntry } from './envelope.ts'
import { createEpochs } from './epochs.ts'
import { RoomcastError } from '../wire/errors.ts'
import type { Log } from '../observe/log.ts'
import type { Metrics } from '../observe/metrics.ts'
import type { Receipt, StreamPosition } from '../wire/protocol.ts'
import { redisDatabase, redisPlace } from './redis-connect.ts'
import { describeRedisError } from './redis-errors.ts'
import type { RedisIdentity } from './redis-identity.ts'
import { createRedisLink } from './redis-link.ts'
import { createRedisPublishes, type RedisPublish } from './redis-publishes.ts'
import { occupancyNames, redisNames } from './redis-scripts.ts'
import type { RoomKey } from '../wire/rooms.ts'
import type { Settings } from '../settings.ts'

/** Rooms in one pipeline of a position check. */
const POSITIONS_CHUNK = 200
/** A refusal as late that came back this soon means that Redis' clock was set, not that the update is late. */
const SOON = 0.5

export interface RedisBrokerOptions {
  instance: string
  commands: Redis
  subscriber: Redis
  settings: Settings
  log: Log
  metrics: Metrics
}

export function createRedisBroker ({ instance, commands, subscriber, settings, log, metrics }: RedisBrokerOptions): Broker {
  const events = new EventEmitter<BrokerEvents>()
  const link = createRedisLink({ commands, subscriber, place: redisPlace(settings), settings, log, metrics, events })
  const retention: Retention = {
    historySize: settings.HISTORY_SIZE,
    historySeconds: settings.HISTORY_TTL_SECONDS,
    roomSeconds: settings.ROOM_TTL_SECONDS
  }
  const newEpoch = createEpochs()
  const publishInTurn = createRedisPublishes({ turn: link.turn, receiptSeconds: settings.IDEMPOTENCY_TTL_SECONDS, newEpoch })
  const database = redisDatabase(settings)
  const namesOf = (room: RoomKey) => redisNames(settings.REDIS_PREFIX, room, database)

  /** The arguments that every script on a room starts with. */
  const roomArgs = ({ runId, durable }: RedisIdentity, roomSeconds = retention.roomSeconds) =>
    [runId, durable ? '1' : '0', newEpoch(), roomSeconds]

  function publish (publication: PublishRequest): Promise<Receipt> {
    const { room, sub, callerId } = publication
    const { meta, log, receipt, channel } = namesOf(room)
    return publishByDeadline(callerId === undefined
      ? { publication, kind: 'update', keys: [meta, log], channel }
      : { publication, kind: 'once', keys: [meta, log, receipt(sub, callerId)], channel })
  }

  async function publishEphemeral (publication: PublishRequest): Promise<Receipt> {
    const { meta, log, channel } = namesOf(publication.room)
    const receipt = await publishByDeadline({ publication, kind: 'ephemeral', keys: [meta, log], channel })
    return { ...receipt, offset: null }
  }

  /** Publishes by a deadline; once more if Redis' clock turns out to have been set. */
  async function publishByDeadline ({ publication, ...update }: Pick<RedisPublish, 'kind' | 'keys' | 'channel'> & { publication: PublishRequest }): Promise<Receipt> {
    const id = publication.callerId ?? randomUUID()
    const body = envelopeBody(publication, id)
    const bytes = Buffer.byteLength(body)
    const startedAt = performance.now()
    for (;;) {
      const leftMs = settings.PUBLISH_TIMEOUT_MS - (performance.now() - startedAt)
      const whole = { ...update, body, retention: publication.retention ?? retention, deadline: link.clock.deadline(leftMs) }
      const published = await link.run('write', (redis, identity) => publishInTurn(redis, identity, whole), leftMs, bytes)
      if (published.outcome !== 'late') {
        link.clock.sample(published.time)
        const { outcome, epoch, offset, instances } = published
        return { id, epoch, offset, duplicate: outcome === 'known', instances }
      }
      link.clock.reset()
      link.clock.sample(published.time)
      if (performance.now() - startedAt > settings.PUBLISH_TIMEOUT_MS * SOON) {
        throw new RoomcastError('broker/unavailable', 'Not published, it reached Redis too late: send it again.')
      }
    }
  }

  async function subscribe (room: RoomKey, onMessage: (message: Message) => void): Promise<void> {
    const read = createEnvelopeReader(room)
    await link.subscribe(namesOf(room).channel, text => {
      const message = read(text)
      if (message !== undefined) return onMessage(message)
      metrics.dropped.inc({ reason: 'garbage' })
      log.warn({ room, length: text.length }, 'dropped a message that cannot be read')
    })
  }

  async function touch (rooms: RoomKey[], { roomSeconds } = retention): Promise<Array<StreamPosition | undefined>> {
    const found: Array<StreamPosition | undefined> = []
    for (let from = 0; from < rooms.length; from += POSITIONS_CHUNK) {
      const chunk = rooms.slice(from, from + POSITIONS_CHUNK)
      const answers = await link.run('read', async (redis, identity) => {
        const settled = await Promise.allSettled(chunk.map(async room => {
          const names = namesOf(room)
          return await redis.position(names.meta, names.log, names.presence, ...roomArgs(identity, roomSeconds), settings.PRESENCE_TTL_SECONDS) as [string, number]
        }))
        const refused = settled.find(answer => answer.status === 'rejected')
        if (refused !== undefined && settled.every(answer => answer.status === 'rejected')) throw refused.reason
        if (refused !== undefined) log.warn({ err: describeRedisError(refused.reason) }, 'redis did not tell the position of a room')
        return settled.map(answer => answer.status === 'fulfilled' ? answer.value : undefined)
      }, settings.PROBE_TIMEOUT_MS)
      for (const answer of answers) found.push(answer && { epoch: answer[0], offset: Number(answer[1]) })
    }
    await link.barrier()
    return found
  }

  async function history (room: RoomKey, since: number, { maxUpdates, maxBytes }: { maxUpdates: number, maxBytes: number }) {
    const names = namesOf(room)
    metrics.historyReads.inc()
    const [epoch, offset, oldest, texts] = await link.run('read', (redis, identity) => redis.history(
      names.meta, names.log, ...roomArgs(identity), since, maxUpdates, maxBytes
    ) as Promise<[string, number, number, string[]]>, settings.PROBE_TIMEOUT_MS)
    const updates = texts.map(createEnvelopeReader(room)).filter((message): message is StoredUpdate => message?.kind === 'update')
    return { epoch, offset, oldest: oldest < 0 ? undefined : oldest, updates }
  }

  return {
    instance,
    events,
    publish,
    publishEphemeral,
    subscribe,
    unsubscribe: room => link.unsubscribe(namesOf(room).channel),
    touch,
    history,

    async renewEpoch (room, epoch) {
      const names = namesOf(room)
      await link.run('write', (redis, identity) => redis.renewEpoch(names.meta, names.log, ...roomArgs(identity), epoch))
    },

    async updatePresence (room, { joined, left }) {
      const names = namesOf(room)
      const sets = joined.flatMap(entry => [presenceField(instance, entry.socketId), JSON.stringify(entry)])
      const drops = left.map(socketId => presenceField(instance, socketId))
      const envelope = presenceEnvelope({ instance, joined, left })
      await link.run('write', redis => redis.updatePresence(
        names.presence, names.channel, settings.PRESENCE_TTL_SECONDS, envelope, joined.length, ...sets, ...drops
      ), settings.PUBLISH_TIMEOUT_MS, 2 * Buffer.byteLength(envelope))
    },

    async presence (room) {
      const fields = await link.run('read', redis => redis.hgetall(namesOf(room).presence))
      return Object.entries(fields).flatMap(([field, value]) => {
        const entry = readPresenceEntry(value)
        return entry === undefined ? [] : [{ instance: field.slice(0, field.indexOf('/')), entry }]
      })
    },

    async forgetPresence (room, silent, socketIds) {
      await link.run('write', redis => redis.hdel(namesOf(room).presence, ...socketIds.map(id => presenceField(silent, id))))
    },

    async occupy (room) {
      return await link.run('write', redis => redis.occupy(...occupancyNames(settings.REDIS_PREFIX, instance), instance, room)) === 1
    },

    async vacate (room) {
      const empty = await link.run('write', redis => redis.vacate(...occupancyNames(settings.REDIS_PREFIX, instance), instance, room)) as RoomKey[]
      return empty.length > 0
    },

    occupants: () => link.run('read', redis => redis.smembers(occupancyNames(settings.REDIS_PREFIX, instance)[2])),

    async vacateAll (silent) {
      return await link.run('write', redis => redis.vacate(...occupancyNames(settings.REDIS_PREFIX, silent), silent)) as RoomKey[]
    },

    reconnect: reason => link.reconnect(reason),
    fault: () => link.fault(),
    async close () { link.close() }
  }
}

function presenceField (instance: string, socketId: string): string {
  return `${instance}/${socketId}`
}
