// One shard of Redis, and the arguments of a command on one of its rooms.
import type { RoomKey } from '../wire/rooms.ts'
import type { BrokerShard } from './broker.ts'
import type { RedisClock } from './redis-clock.ts'
import type { ScriptedRedis } from './redis-commands.ts'
import type { RedisIdentity } from './redis-identity.ts'
import type { RedisLink } from './redis-link.ts'
import type { PublishInTurn } from './redis-publishes.ts'

export interface RedisShard extends BrokerShard {
  /** The id of the node; empty for a standalone Redis. */
  readonly id: string
  readonly link: RedisLink
  readonly publish: PublishInTurn
}

/** The arguments of a command on a room. */
export interface RedisPlace extends Pick<RedisShard, 'publish'> {
  redis: ScriptedRedis
  identity: RedisIdentity
  clock: RedisClock
  /** The slot of the room. A call names keys of one slot only. */
  slot: number
  /** The deadline of the answer. */
  leftMs: number
}

/** Rooms of one shard. */
export interface ShardRooms extends Pick<RedisShard, 'link'> {
  rooms: RoomKey[]
  identityOf: (room: RoomKey, identity: RedisIdentity) => RedisIdentity
}
