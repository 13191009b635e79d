// The Lua scripts: each is one atomic step on one room. A script is not rolled back when it fails half-way, so the
// order of its writes is chosen such that every prefix of them leaves the room whole.
import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import type { RoomKey } from '../wire/rooms.ts'

/**
 * The names of a room's keys and channel; the braces keep a room in one slot of a cluster. Pub/sub knows no databases:
 * the channel says which.
 */
export function redisNames (prefix: string, room: string, database = 0) {
  const base = `${prefix}:{${room}}`
  return {
    meta: `${base}:meta`,
    log: `${base}:log`,
    presence: `${base}:presence`,
    channel: `${database === 0 ? prefix : `${prefix}/${database}`}:{${room}}:updates`,
    // Escaped, so that the colon after it is the first: `a` with `b:c` is not `a:b` with `c`.
    receipt: (sub: string, id: string) => `${base}:id:${sub.replaceAll(/[%:]/g, encodeURIComponent)}:${id}`
  }
}

/** Which instances have members of which rooms; in one slot, since a silent instance leaves all its rooms in one step. */
export const OCCUPANCY: RoomKey = '$/occupancy'

export function occupancyNames (prefix: string, instance: string): [string, string, string] {
  const base = `${prefix}:{${OCCUPANCY}}`
  return [`${base}:rooms:${instance}`, `${base}:counts`, `${base}:instances`]
}

export interface RedisScript {
  lua: string
  /** What Redis knows it by. */
  hash: string
  /** Undefined where each call names it. */
  numberOfKeys: number | undefined
}

/** Read once, when the module is loaded. */
export const redisScripts = {
  publishUpdates: onRoom('publish'),
  position: onRoom('position', 3),
  history: onRoom('history', 2),
  renewEpoch: onRoom('renew-epoch', 2),
  updatePresence: script(read('update-presence'), 1),
  occupy: script(read('occupy'), 3),
  vacate: script(read('vacate'), 3)
}

export type RedisScripts = Record<keyof typeof redisScripts, RedisScript>

/** In a cluster, a message goes to those who listen at the master of the room's slot, and to no other node. */
export const clusterScripts: RedisScripts = Object.fromEntries(Object.entries(redisScripts).map(([name, { lua, numberOfKeys }]) =>
  [name, script(lua.replaceAll("'PUBLISH'", "'SPUBLISH'"), numberOfKeys)])) as RedisScripts

/** A script after the functions that all scripts on a room share. */
function onRoom (name: string, numberOfKeys?: number): RedisScript {
  return script(read('room') + read(name), numberOfKeys)
}

function script (lua: string, numberOfKeys?: number): RedisScript {
  return { lua, hash: createHash('sha1').update(lua).digest('hex'), numberOfKeys }
}

function read (name: string): string {
  return readFileSync(new URL(`./scripts/${name}.lua`, import.meta.url), 'utf8')
}
