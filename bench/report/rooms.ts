// Many rooms on one instance, as a section.
import { formatTable } from '../chaos/table.ts'
import type { RoomsResult } from '../rooms.ts'
import { formatNumber } from './format.ts'
import type { Taken } from './results.ts'
import { taken } from './taken.ts'

export function roomsSection ({ rooms, kibPerRoom, idle, roundSeconds, subscribedSeconds, checkedSeconds, churn, ...about }: RoomsResult & Taken): string {
  const share = (millisecondsASecond: number) => `${formatNumber(millisecondsASecond / 10)} % of a core`
  return `## Many rooms

One instance, ${formatNumber(rooms)} rooms of one member, a hundred rooms a connection. ${taken(about)}

${formatTable(['what', 'found', 'wanted'], [
  ['standing still, the instance', share(idle.instance), 'under 3 %'],
  ['standing still, Redis', share(idle.redis), 'under 1 %'],
  ['all rooms compared with Redis once', `${formatNumber(roundSeconds)} s`, 'within 30 s'],
  ['after a restart of Redis: all subscriptions confirmed', `${formatNumber(subscribedSeconds)} s`, 'within 10 s'],
  ['after a restart of Redis: all rooms compared', `${formatNumber(checkedSeconds)} s`, 'within 30 s'],
  ['memory of a room', `${formatNumber(kibPerRoom)} KiB`, ''],
  [`${churn.aSecond} rooms a second opened and closed, the instance`, share(churn.instance), ''],
  [`of ${formatNumber(churn.opened)} such rooms: left in the instance`, churn.roomsLeft, '0'],
  ['channels left in Redis', churn.channelsLeft, '0'],
  ['keys left in Redis that never expire', churn.keysForEver, '0'],
  ['memory more than before, after garbage collection', `${formatNumber(churn.memoryKib / 1024)} MiB`, '']
])}`
}
