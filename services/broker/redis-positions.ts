// Reads the positions of many rooms: by a script, which creates missing rooms and renews each room's life, or by plain
// reads, which cost a fraction of that.
import { performance } from 'node:perf_hooks'
import type { Broker } from './broker.ts'
import { RoomcastError } from '../wire/errors.ts'
import type { Log } from '../observe/log.ts'
import type { StreamPosition } from '../wire/protocol.ts'
import type { ScriptedRedis } from './redis-commands.ts'
import { describeRedisError, readRedirect, type Redirect } from './redis-errors.ts'
import type { RedisIdentity } from './redis-identity.ts'
import { readMetas, type Meta } from './redis-meta-reads.ts'
import { redisMeta } from './redis-scripts.ts'
import type { ShardRooms } from './redis-shard.ts'
import type { RedisShards } from './redis-shards.ts'
import { emptyRoomSeconds, type Retention } from './retention.ts'
import type { RoomKey } from '../wire/rooms.ts'

/** Rooms per call. */
const CHUNK = 500

export interface RedisPositionsOptions {
  shards: RedisShards
  prefix: string
  namesOf: (room: RoomKey) => { meta: string, log: string, presence: string }
  /** The first arguments of every script on a room. */
  roomArgs: (identity: RedisIdentity, roomSeconds: number) => Array<string | number>
  retention: Retention
  presenceSeconds: number
  timeoutMs: number
  log: Log
}

export function createRedisPositions (options: RedisPositionsOptions): Pick<Broker, 'touch' | 'positions'> {
  const { shards, prefix, namesOf, roomArgs, retention, presenceSeconds, timeoutMs, log } = options

  function touch (rooms: RoomKey[], keep = retention): Promise<Array<StreamPosition | undefined>> {
    const touchOne = async (redis: ScriptedRedis, identity: RedisIdentity, room: RoomKey): Promise<StreamPosition | Error> => {
      const { meta, log, presence } = namesOf(room)
      const args = roomArgs(identity, emptyRoomSeconds(keep))
      try {
        const [epoch, offset] = await redis.position(meta, log, presence, ...args, keep.roomSeconds, presenceSeconds) as [string, number]
        return { epoch, offset }
      } catch (error) {
        return error as Error
      }
    }
    return askAll(rooms, (redis, some, identity, identityOf) => Promise.all(some.map(room => touchOne(redis, identityOf(room, identity), room))))
  }

  async function positions (rooms: RoomKey[], keep = retention): Promise<Array<StreamPosition | undefined>> {
    const found = await askAll(rooms, async (redis, some, { runId }) => {
      const metas = await readMetas(redis, some.map(room => redisMeta(prefix, room)))
      return metas.map(meta => meta instanceof Error ? meta : readPosition(meta, runId))
    })
    // The room is missing, or another Redis process wrote it last: the script decides what that means.
    const unsure = rooms.filter((_, i) => found[i] === null)
    const decided = await touch(unsure, keep).catch((error: unknown) => {
      if (unsure.length === rooms.length) throw error
      // The other rooms are known.
      return []
    })
    return found.map(position => position === null ? decided.shift() : position)
  }

  /** @returns undefined for a room that Redis refuses. Rejects if it refuses all of them. */
  async function askAll<T> (rooms: RoomKey[], ask: Ask<T>): Promise<Array<T | undefined>> {
    const found = new Map<RoomKey, T>()
    const deadline = performance.now() + timeoutMs
    let left = rooms
    for (;;) {
      const outcomes = await Promise.allSettled(shards.group(left).map(group => askShard(group, ask, found)))
      const refused = outcomes.find(outcome => outcome.status === 'rejected')
      const moved = outcomes.flatMap(outcome => outcome.status === 'fulfilled' ? outcome.value : [])
      const [first] = moved
      if (first === undefined || performance.now() >= deadline) {
        if (found.size === 0 && rooms.length > 0) throw refused?.reason ?? new RoomcastError('broker/unavailable')
        return rooms.map(room => found.get(room))
      }
      await shards.redirected(first.redirect, first.room)
      left = moved.map(({ room }) => room)
    }
  }

  /** @returns rooms that are on another shard now. Rejects if Redis refuses a whole chunk. */
  async function askShard<T> ({ link, rooms, identityOf }: ShardRooms, ask: Ask<T>, found: Map<RoomKey, T>): Promise<Moved[]> {
    const moved: Moved[] = []
    const answered = new Map<RoomKey, T>()
    for (let from = 0; from < rooms.length; from += CHUNK) {
      await link.run('read', async (redis, identity) => {
        const chunk = rooms.slice(from, from + CHUNK)
        const answers = await ask(redis, chunk, identity, identityOf)
        const refused: Error[] = []
        for (const [i, answer] of answers.entries()) {
          const room = chunk[i] as RoomKey
          const redirect = answer instanceof Error ? readRedirect(answer) : undefined
          if (!(answer instanceof Error)) answered.set(room, answer)
          else if (redirect !== undefined) moved.push({ room, redirect })
          else refused.push(answer)
        }
        if (refused.length === chunk.length) throw refused[0]
        if (refused.length > 0) log.warn({ err: describeRedisError(refused[0]) }, 'redis refused to read the position of a room: look at the permissions of its user and the type of the key')
      }, timeoutMs)
    }
    // Everything up to these positions has arrived before they are compared.
    if (answered.size > 0) await link.barrier()
    for (const [room, answer] of answered) found.set(room, answer)
    return moved
  }

  return { touch, positions }
}

/** @returns in the order of the rooms, an error for each that Redis refuses */
type Ask<T> = (redis: ScriptedRedis, rooms: RoomKey[], identity: RedisIdentity, identityOf: ShardRooms['identityOf']) => Promise<Array<T | Error>>

interface Moved {
  room: RoomKey
  redirect: Redirect
}

/** @returns null where the script must decide */
function readPosition ([epoch, offset, run]: Meta, runId: string): StreamPosition | null {
  return epoch !== null && offset !== null && run === runId ? { epoch, offset: Number(offset) } : null
}
