// Reads the positions of many rooms: by a script, which creates missing rooms and renews each room's life, or by plain
// reads, which cost a fraction of that.
import { performance } from 'node:perf_hooks'
import { Command } from 'ioredis'
import type { Broker } from './broker.ts'
import { RoomcastError } from '../wire/errors.ts'
import type { Log } from '../observe/log.ts'
import type { StreamPosition } from '../wire/protocol.ts'
import type { ScriptedRedis } from './redis-commands.ts'
import { describeRedisError, readRedirect, type Redirect } from './redis-errors.ts'
import type { RedisIdentity } from './redis-identity.ts'
import type { ShardRooms } from './redis-shard.ts'
import type { RedisShards } from './redis-shards.ts'
import { emptyRoomSeconds, type Retention } from './retention.ts'
import type { RoomKey } from '../wire/rooms.ts'

/** Rooms per call. */
const CHUNK = 500

export interface RedisPositionsOptions {
  shards: RedisShards
  namesOf: (room: RoomKey) => { meta: string, log: string, presence: string }
  /** The first arguments of every script on a room. */
  roomArgs: (identity: RedisIdentity, roomSeconds: number) => Array<string | number>
  retention: Retention
  presenceSeconds: number
  timeoutMs: number
  log: Log
}

export function createRedisPositions (options: RedisPositionsOptions): Pick<Broker, 'touch' | 'positions'> {
  const { shards, namesOf, roomArgs, retention, presenceSeconds, timeoutMs, log } = options

  function touch (rooms: RoomKey[], keep = retention): Promise<Array<StreamPosition | undefined>> {
    return askAll(rooms, async (redis, identity, room) => {
      const { meta, log, presence } = namesOf(room)
      const args = roomArgs(identity, emptyRoomSeconds(keep))
      const [epoch, offset] = await redis.position(meta, log, presence, ...args, keep.roomSeconds, presenceSeconds) as [string, number]
      return { epoch, offset }
    })
  }

  async function positions (rooms: RoomKey[], keep = retention): Promise<Array<StreamPosition | undefined>> {
    const found = await askAll(rooms, async (redis, { runId }, room) => {
      const [epoch, offset, run] = await readMeta(redis, namesOf(room).meta)
      return epoch !== null && offset !== null && run === runId ? { epoch, offset: Number(offset) } : null
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
        const settled = await Promise.allSettled(chunk.map(room => ask(redis, identityOf(room, identity), room)))
        const refused: unknown[] = []
        for (const [i, outcome] of settled.entries()) {
          const room = chunk[i] as RoomKey
          const redirect = outcome.status === 'rejected' ? readRedirect(outcome.reason) : undefined
          if (outcome.status === 'fulfilled') answered.set(room, outcome.value)
          else if (redirect !== undefined) moved.push({ room, redirect })
          else refused.push(outcome.reason)
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

type Ask<T> = (redis: ScriptedRedis, identity: RedisIdentity, room: RoomKey) => Promise<T>

interface Moved {
  room: RoomKey
  redirect: Redirect
}

type Meta = [epoch: string | null, offset: string | null, run: string | null]

/** Bypasses ioredis' own `hmget`, which takes twice the CPU time: this runs for every room every few seconds. */
function readMeta (redis: ScriptedRedis, meta: string): Promise<Meta> {
  return redis.sendCommand(new Command('hmget', [meta, 'epoch', 'offset', 'run'], { replyEncoding: 'utf8' })) as Promise<Meta>
}
