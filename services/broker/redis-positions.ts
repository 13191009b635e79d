// Reads the positions of many rooms: by a script, which creates missing rooms and renews each room's life, or by plain
// reads, which cost a fraction of that.
import { Command } from 'ioredis'
import type { Broker } from './broker.ts'
import type { Log } from '../observe/log.ts'
import type { StreamPosition } from '../wire/protocol.ts'
import type { ScriptedRedis } from './redis-commands.ts'
import { describeRedisError } from './redis-errors.ts'
import type { RedisIdentity } from './redis-identity.ts'
import type { RedisLink } from './redis-link.ts'
import { emptyRoomSeconds, type Retention } from './retention.ts'
import type { RoomKey } from '../wire/rooms.ts'

/** Rooms per call. */
const CHUNK = 500

export interface RedisPositionsOptions {
  link: RedisLink
  namesOf: (room: RoomKey) => { meta: string, log: string, presence: string }
  /** The first arguments of every script on a room. */
  roomArgs: (identity: RedisIdentity, roomSeconds: number) => Array<string | number>
  retention: Retention
  presenceSeconds: number
  timeoutMs: number
  log: Log
}

export function createRedisPositions (options: RedisPositionsOptions): Pick<Broker, 'touch' | 'positions'> {
  const { link, namesOf, roomArgs, retention, presenceSeconds, timeoutMs, log } = options

  async function touch (rooms: RoomKey[], keep = retention): Promise<Array<StreamPosition | undefined>> {
    const found = await askEach(rooms, async (redis, identity, room) => {
      const { meta, log, presence } = namesOf(room)
      const args = roomArgs(identity, emptyRoomSeconds(keep))
      const [epoch, offset] = await redis.position(meta, log, presence, ...args, keep.roomSeconds, presenceSeconds) as [string, number]
      return { epoch, offset }
    })
    await link.barrier()
    return found
  }

  async function positions (rooms: RoomKey[], keep = retention): Promise<Array<StreamPosition | undefined>> {
    const found = await askEach(rooms, async (redis, { runId }, room) => {
      const [epoch, offset, run] = await readMeta(redis, namesOf(room).meta)
      return epoch !== null && offset !== null && run === runId ? { epoch, offset: Number(offset) } : null
    })
    // The room is missing, or another Redis process wrote it last: the script decides what that means.
    const unsure = rooms.filter((_, i) => found[i] === null)
    if (unsure.length === 0) await link.barrier()
    const decided = unsure.length === 0 ? [] : await touch(unsure, keep)
    return found.map(position => position === null ? decided.shift() : position)
  }

  /** @returns undefined for a room that Redis refuses. Rejects if it refuses a whole chunk. */
  async function askEach<T> (rooms: RoomKey[], ask: (redis: ScriptedRedis, identity: RedisIdentity, room: RoomKey) => Promise<T>): Promise<Array<T | undefined>> {
    const answers: Array<T | undefined> = []
    for (let from = 0; from < rooms.length; from += CHUNK) {
      const chunk = rooms.slice(from, from + CHUNK)
      answers.push(...await link.run('read', (redis, identity) => settle(chunk.map(room => ask(redis, identity, room))), timeoutMs))
    }
    return answers
  }

  async function settle<T> (asked: Array<Promise<T>>): Promise<Array<T | undefined>> {
    const settled = await Promise.allSettled(asked)
    const refused = settled.find(answer => answer.status === 'rejected')
    if (refused !== undefined && settled.every(answer => answer.status === 'rejected')) throw refused.reason
    if (refused !== undefined) log.warn({ err: describeRedisError(refused.reason) }, 'redis refused to read the position of a room')
    return settled.map(answer => answer.status === 'fulfilled' ? answer.value : undefined)
  }

  return { touch, positions }
}

type Meta = [epoch: string | null, offset: string | null, run: string | null]

/** Bypasses ioredis' own `hmget`, which takes twice the CPU time: this runs for every room every few seconds. */
function readMeta (redis: ScriptedRedis, meta: string): Promise<Meta> {
  return redis.sendCommand(new Command('hmget', [meta, 'epoch', 'offset', 'run'], { replyEncoding: 'utf8' })) as Promise<Meta>
}
