// What one of each thing costs, as the runs have found it; the model multiplies these.
import { STANDING_ROOMS } from '../plan.ts'
import { ROOMCAST } from '../peers/peers.ts'
import { valueOf, type Results } from '../report/results.ts'

/** S6: one in each room, on two instances. */
const STANDING_CONNECTIONS = STANDING_ROOMS / 2

/** Times in microseconds of processor, memory in KiB. */
export interface Units {
  connectionKib: number
  join: number
  roomKib: number
  /** A second: an instance that does nothing. */
  standing: number
  standingAtRedis: number
  /** A second: the heartbeats of a connection. */
  heartbeat: number
  /** A second, while nothing happens in it. */
  idleRoom: number
  idleRoomAtRedis: number
  publish: number
  publishAtRedis: number
  /** At each instance with members of the room; the first delivery included. */
  hear: number
  delivery: number
  presenceChange: number
  instanceKib: number
  redisRoomKib: number
  redisUpdateKib: number
  nginxConnectionKib: number
  nginxDelivery: number
}

/** Undefined while something of it has not been measured, or was only in the quick form, whose sizes are others. */
export function unitsOf (results: Results): Units | undefined {
  const { rooms, bigRoom, nginx, redisMemory, scenarios } = results
  if (rooms === undefined || bigRoom === undefined || nginx === undefined || redisMemory === undefined) return undefined
  if (['S1', 'S4', 'S6', 'S7'].some(name => scenarios[name]?.isQuick !== false)) return undefined
  const { presence, instances } = bigRoom
  const value = (scenario: string, figure: string) => valueOf(results, scenario, figure, ROOMCAST)
  const standing = redisMemory.standing.instance * 1000
  const idleRoom = Math.max(0, rooms.idle.instance * 1000 - standing) / rooms.rooms
  return {
    standing,
    standingAtRedis: redisMemory.standing.redis * 1000,
    heartbeat: Math.max(0, (value('S6', 'an instance') * 1000 - standing) / STANDING_CONNECTIONS - idleRoom),
    connectionKib: value('S4', 'a connection'),
    join: value('S4', 'to connect and subscribe'),
    roomKib: rooms.kibPerRoom,
    idleRoom,
    idleRoomAtRedis: Math.max(0, rooms.idle.redis - redisMemory.standing.redis) * 1000 / rooms.rooms,
    publish: value('S7', 'publishing'),
    publishAtRedis: value('S7', 'a publish, paced, at Redis'),
    hear: value('S7', 'hearing, and a delivery'),
    delivery: value('S1', 'a delivery, paced'),
    presenceChange: Math.max(0, (presence.joining - presence.quiet) * 1000 * instances / presence.joinsASecond),
    instanceKib: redisMemory.instanceKib,
    redisRoomKib: redisMemory.kibPerRoom,
    redisUpdateKib: redisMemory.kibPerUpdate,
    nginxConnectionKib: nginx.kibPerConnection,
    nginxDelivery: nginx.microsecondsADelivery
  }
}
