// Each shard fails on its own. The instance is usable while it hears the commands, which decide who may receive updates,
// and at least half of the shards work.
import { COMMANDS_ROOM } from '../wire/rooms.ts'
import type { BrokerShard } from './broker.ts'

/** The reason why too few shards work; undefined if enough do. */
export function faultOfAll (shards: readonly BrokerShard[], faultOf: (shard: BrokerShard) => string | undefined): string | undefined {
  const commands = shards.find(shard => shard.has(COMMANDS_ROOM))
  const fault = commands === undefined ? 'not connected to Redis' : faultOf(commands)
  if (fault !== undefined) return shards.length > 1 ? `${commands?.name ?? 'the shard of the commands'}: ${fault}` : fault
  const faulty = shards.filter(shard => faultOf(shard) !== undefined)
  return 2 * faulty.length > shards.length ? `${faulty.length} of ${shards.length} shards of Redis: ${faulty.map(({ name }) => name).join(', ')}` : undefined
}
