// From units and stated traffic to instances, shards and memory.
import { MEMBERS_OF_A_ROOM, UPDATE_EVERY_SECONDS, type Traffic } from '../scenarios/boards.ts'
import type { Units } from './units.ts'

export const TRAFFIC = {
  membersOfARoom: MEMBERS_OF_A_ROOM,
  updateEverySeconds: UPDATE_EVERY_SECONDS,
  /** How long a connection lasts, until it comes again. */
  sessionSeconds: 1200,
  /** HISTORY_TTL_SECONDS: so long updates stay in Redis. */
  historySeconds: 600
}

/** How much of a core, or of MAX_SOCKETS, is planned with; the rest is for peaks, and for the clients of a neighbour that dies. */
export const PLANNED = 0.6
const MAX_SOCKETS = 20_000
const SPARE = 1
const FEWEST = 3

export interface Size {
  connections: number
  publishesASecond: number
  deliveriesASecond: number
  instances: number
  /** What set their number. */
  boundBy: 'spare' | 'sockets' | 'processor'
  /** Of one instance: share of a core, and GiB. */
  instanceShare: number
  instanceGib: number
  shards: number
  redisShare: number
  redisGib: number
  nginxCores: number
  nginxGib: number
}

/** Milliseconds of processor a second, of all instances and of Redis; joins left out where `hasJoins` is false. */
export function load (units: Units, { connections, instances, membersOfARoom, updateEverySeconds }: Traffic, hasJoins: boolean): { instances: number, redis: number } {
  const rooms = connections / membersOfARoom
  const publishes = rooms / updateEverySeconds
  /** At worst every member of a room is on another instance. */
  const heardAt = Math.min(membersOfARoom, instances)
  const followed = rooms * heardAt
  const joins = hasJoins ? connections / TRAFFIC.sessionSeconds : 0
  const microseconds = publishes * (units.publish + heardAt * units.hear + (membersOfARoom - heardAt) * units.delivery) +
    instances * units.standing + connections * units.heartbeat + followed * units.idleRoom +
    joins * (units.join + 2 * units.presenceChange)
  return { instances: microseconds / 1000, redis: (publishes * units.publishAtRedis + instances * units.standingAtRedis + followed * units.idleRoomAtRedis) / 1000 }
}

export function sizeFor (units: Units, connections: number): Size {
  const rooms = connections / TRAFFIC.membersOfARoom
  const publishesASecond = rooms / TRAFFIC.updateEverySeconds
  const deliveriesASecond = publishesASecond * TRAFFIC.membersOfARoom
  // With as many instances as members of a room only their own standing cost still grows.
  const busy = load(units, { ...TRAFFIC, connections, instances: TRAFFIC.membersOfARoom }, true).instances - TRAFFIC.membersOfARoom * units.standing / 1000
  const bySockets = Math.ceil(connections / (MAX_SOCKETS * PLANNED)) + SPARE
  const byProcessor = Math.ceil(busy / (1000 * PLANNED - units.standing / 1000)) + SPARE
  const instances = Math.max(FEWEST, bySockets, byProcessor)
  const found = load(units, { ...TRAFFIC, connections, instances }, true)
  const shards = Math.max(1, Math.ceil(found.redis / (1000 * PLANNED)))
  const followed = rooms * Math.min(TRAFFIC.membersOfARoom, instances)
  const kept = TRAFFIC.historySeconds / TRAFFIC.updateEverySeconds
  return {
    connections,
    publishesASecond,
    deliveriesASecond,
    instances,
    boundBy: instances === bySockets ? 'sockets' : instances === byProcessor ? 'processor' : 'spare',
    instanceShare: found.instances / 1000 / instances,
    instanceGib: gib(units.instanceKib + (connections * units.connectionKib + followed * units.roomKib) / instances),
    shards,
    redisShare: found.redis / 1000 / shards,
    redisGib: gib(rooms * (units.redisRoomKib + kept * units.redisUpdateKib)),
    nginxCores: Math.max(1, Math.ceil(deliveriesASecond * units.nginxDelivery / 1e6 / PLANNED)),
    nginxGib: gib(connections * units.nginxConnectionKib)
  }
}

function gib (kib: number): number {
  return kib / 2 ** 20
}
