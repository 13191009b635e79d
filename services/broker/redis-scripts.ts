// The Lua scripts. Each call is one atomic step. Redis does not roll back a script that fails half-way, so the writes are
// ordered such that the room is consistent after each of them.
import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'

/**
 * The names of a room's keys and channel. The braces keep a room in one cluster slot. The channel contains the database,
 * because pub/sub ignores databases.
 */
export function redisNames (prefix: string, room: string, database = 0) {
  const base = `${prefix}:{${room}}`
  return {
    meta: redisMeta(prefix, room),
    log: `${base}:log`,
    presence: `${base}:presence`,
    channel: `${database === 0 ? prefix : `${prefix}/${database}`}:{${room}}:updates`,
    // Escaped, so that no pair of `sub` and `id` has the key of another pair, for example `a`, `b:c` and `a:b`, `c`.
    receipt: (sub: string, id: string) => `${base}:id:${sub.replaceAll(/[%:]/g, encodeURIComponent)}:${id}`
  }
}

/** The key of a room's epoch and offset, alone: the other names take longer, and this one is made for every room every few seconds. */
export function redisMeta (prefix: string, room: string): string {
  return `${prefix}:{${room}}:meta`
}

export interface RedisScript {
  lua: string
  /** The SHA-1 by which Redis finds a loaded script. */
  hash: string
  /** Undefined if it differs from call to call. */
  numberOfKeys: number | undefined
}

/** Read once, when the module is loaded. */
export const redisScripts = {
  publishUpdates: onRoom('publish'),
  position: onRoom('position', 3),
  history: onRoom('history', 2),
  renewEpoch: onRoom('renew-epoch', 2),
  updatePresence: script(read('update-presence'), 1),
  reportHooks: script(read('hooks-report'), 10),
  claimHooks: script(read('hooks-claim'), 2),
  hooksTaken: script(read('hooks-taken'), 2)
}

export type RedisScripts = Record<keyof typeof redisScripts, RedisScript>

/** In a cluster, a message goes only to the subscribers at the master of the room's slot, and to no other node. */
export const clusterScripts: RedisScripts = Object.fromEntries(Object.entries(redisScripts).map(([name, { lua, numberOfKeys }]) =>
  [name, script(lua.replaceAll("'PUBLISH'", "'SPUBLISH'"), numberOfKeys)])) as RedisScripts

/** A script on a room, preceded by the functions that these scripts share. */
function onRoom (name: string, numberOfKeys?: number): RedisScript {
  return script(read('room') + read(name), numberOfKeys)
}

function script (lua: string, numberOfKeys?: number): RedisScript {
  return { lua, hash: createHash('sha1').update(lua).digest('hex'), numberOfKeys }
}

function read (name: string): string {
  return readFileSync(new URL(`./scripts/${name}.lua`, import.meta.url), 'utf8')
}
