// A big room, as a section.
import type { BigRoomResult } from '../big-room.ts'
import { formatTable } from '../chaos/table.ts'
import { formatNumber } from './format.ts'
import type { Taken } from './results.ts'
import { taken } from './taken.ts'

export function bigRoomSection ({ members, instances, deliveries, lost, p99Ms, longestBlockMs, longestStallMs, othersQuietMs, othersBusyMs, othersApartMs, presence, ...about }: BigRoomResult & Taken): string {
  const ms = (value: number) => `${formatNumber(value)} ms`
  const share = (millisecondsASecond: number) => `${formatNumber(millisecondsASecond / 10)} % of a core`
  return `## Big rooms

One room of ${formatNumber(members)} members on ${instances} instances, an update a second to all of them; meanwhile 100 updates a second to 20 other rooms of 4 members. Then ${formatNumber(presence.collaborators)} collaborators in one room, and ${presence.joinsASecond} more a second who subscribe on connections that stand already. ${taken(about)}

${formatTable(['what', 'found', 'wanted'], [
  ['updates delivered to members; lost', `${formatNumber(deliveries)}; ${lost}`, 'none lost'],
  ['99 of 100 members have it within', ms(p99Ms), ''],
  ['longest block of an event loop, in processor time', ms(longestBlockMs), 'at most 50 ms'],
  ['longest stall of an event loop, whoever had the processor', ms(longestStallMs), ''],
  ['p99 of the other rooms, without updates to the big one', ms(othersQuietMs), ''],
  ['p99 of the other rooms, with them', ms(othersBusyMs), 'at most twice that'],
  ['the same for rooms on four more instances that have no member of the big one', ms(othersApartMs), ''],
  ['presence: the busiest instance, nobody joins', share(presence.quiet), ''],
  [`presence: the busiest instance, ${presence.joinsASecond} join in a second`, share(presence.joining), 'under 10 %'],
  ['presence: messages to each member in a second', formatNumber(presence.messagesASecond), 'at most one in PRESENCE_BATCH_MS']
])}

Members, publishers, instances and Redis share two processors: what others take of them stands in the times, not in the processor time. Rooms on instances without a member of the big one show how much of their p99 is the machine's. The process of the members yields to all others, so they have their updates later than they would alone.`
}
