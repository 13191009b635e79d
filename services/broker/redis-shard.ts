// One shard of Redis, and what a command on one of its rooms runs with.
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

/** What a command on a room runs with. */
export interface RedisPlace extends Pick<RedisShard, 'publish'> {
  redis: ScriptedRedis
  identity: RedisIdentity
  clock: RedisClock
  /** The room's; a call names keys of one slot. */
  slot: number
  /** Until the command has to be answered. */
  leftMs: number
}

/** Rooms of one shard. */
export interface ShardRooms extends Pick<RedisShard, 'link'> {
  rooms: RoomKey[]
  identityOf: (room: RoomKey, identity: RedisIdentity) => RedisIdentity
}
