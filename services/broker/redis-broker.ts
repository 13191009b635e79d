// The broker on Redis: scripts for the atomic steps, one channel a room.
import { randomBytes, randomUUID } from 'node:crypto'
import { EventEmitter } from 'node:events'
import { performance } from 'node:perf_hooks'
import type { Redis } from 'ioredis'
import type { Broker, BrokerEvents, Message, StoredUpdate, PublishRequest, Retention } from './broker.ts'
import { envelopeBody, presenceEnvelope, readEnvelope, readPresenceEntry } from './envelope.ts'
import { RoomcastError } from '../wire/errors.ts'
import type { Log } from '../observe/log.ts'
import type { Metrics } from '../observe/metrics.ts'
import type { Receipt, StreamPosition } from '../wire/protocol.ts'
import { placeOf } from './redis-connect.ts'
import { describeRedisError } from './redis-errors.ts'
import type { RedisIdentity } from './redis-identity.ts'
import { createRedisLink } from './redis-link.ts'
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
  const link = createRedisLink({ commands, subscriber, place: placeOf(commands), settings, log, metrics, events })
  const retention: Retention = {
    historySize: settings.HISTORY_SIZE,
    historySeconds: settings.HISTORY_TTL_SECONDS,
    roomSeconds: settings.ROOM_TTL_SECONDS
  }
  const namesOf = (room: RoomKey) => redisNames(settings.REDIS_PREFIX, room, commands.options.db)

  /** The arguments that every script on a room starts with. */
  const roomArgs = ({ runId, durable }: RedisIdentity, roomSeconds = retention.roomSeconds) =>
    [runId, durable ? '1' : '0', randomBytes(9).toString('base64url'), roomSeconds]

  /** Runs a publishing script against its deadline; once more if Redis' clock turns out to have been set. */
  async function publishByDeadline (script: (deadline: number, leftMs: number) => Promise<unknown[]>): Promise<unknown[]> {
    const startedAt = performance.now()
    for (;;) {
      const leftMs = settings.PUBLISH_TIMEOUT_MS - (performance.now() - startedAt)
      const answer = await script(link.clock.deadline(leftMs), leftMs)
      if (answer[0] !== 'late') {
        link.clock.sample(Number(answer[1]))
        return answer
      }
      link.clock.reset()
      link.clock.sample(Number(answer[1]))
      if (performance.now() - startedAt > settings.PUBLISH_TIMEOUT_MS * SOON) {
        throw new RoomcastError('broker/unavailable', 'Not published, it reached Redis too late: send it again.')
      }
    }
  }

  async function publish (publication: PublishRequest): Promise<Receipt> {
    const { room, sub, callerId } = publication
    const { historySize, historySeconds, roomSeconds } = publication.retention ?? retention
    const names = namesOf(room)
    const id = callerId ?? randomUUID()
    const keys = callerId === undefined ? [names.meta, names.log] : [names.meta, names.log, names.receipt(sub, callerId)]
    const body = envelopeBody(publication, id)
    const answer = await publishByDeadline((deadline, leftMs) => link.run('write', (redis, identity) => redis.publishUpdate(
      keys.length, ...keys, ...roomArgs(identity, roomSeconds), deadline, names.channel,
      historySize, historySeconds, settings.IDEMPOTENCY_TTL_SECONDS, body
    ) as Promise<unknown[]>, leftMs, Buffer.byteLength(body)))
    if (answer[0] === 'known') {
      const [epoch, offset, instances = '0'] = String(answer[2]).split(' ')
      return { id, epoch: epoch as string, offset: Number(offset), duplicate: true, instances: Number(instances) }
    }
    return { id, epoch: String(answer[2]), offset: Number(answer[3]), duplicate: false, instances: Number(answer[4]) }
  }

  async function publishEphemeral (publication: PublishRequest): Promise<Receipt> {
    const names = namesOf(publication.room)
    const id = publication.callerId ?? randomUUID()
    const body = envelopeBody(publication, id)
    const answer = await publishByDeadline((deadline, leftMs) => link.run('write', (redis, identity) => redis.publishEphemeral(
      names.meta, names.log, ...roomArgs(identity), deadline, names.channel, body
    ) as Promise<unknown[]>, leftMs, Buffer.byteLength(body)))
    return { id, epoch: String(answer[2]), offset: null, duplicate: false, instances: Number(answer[4]) }
  }

  async function subscribe (room: RoomKey, onMessage: (message: Message) => void): Promise<void> {
    await link.subscribe(namesOf(room).channel, text => {
      const message = readEnvelope(text)
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
    const updates = texts.map(readEnvelope).filter((message): message is StoredUpdate => message?.kind === 'update')
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
