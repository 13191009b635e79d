// The Lua scripts: each is one atomic step on one room. A script is not rolled back when it fails half-way, so the
// order of its writes is chosen such that every prefix of them leaves the room whole.
import { readFileSync } from 'node:fs'

/** The names of a room's keys and channel; the braces keep a room in one slot of a cluster. */
export function redisNames (prefix: string, room: string) {
  const base = `${prefix}:{${room}}`
  return {
    meta: `${base}:meta`,
    log: `${base}:log`,
    presence: `${base}:presence`,
    channel: `${base}:updates`,
    // Escaped, so that the colon after it is the first: `a` with `b:c` is not `a:b` with `c`.
    receipt: (sub: string, id: string) => `${base}:id:${sub.replaceAll(/[%:]/g, encodeURIComponent)}:${id}`
  }
}

/** Which instances have members of which rooms; in one slot, since a silent instance leaves all its rooms in one step. */
export function occupancyNames (prefix: string, instance: string): [string, string, string] {
  const base = `${prefix}:{$/occupancy}`
  return [`${base}:rooms:${instance}`, `${base}:counts`, `${base}:instances`]
}

/** Read once, when the module is loaded. */
export const redisScripts = {
  publishUpdate: { lua: onRoom('publish-update') },
  publishEphemeral: { lua: onRoom('publish-ephemeral'), numberOfKeys: 2 },
  position: { lua: onRoom('position'), numberOfKeys: 3 },
  history: { lua: onRoom('history'), numberOfKeys: 2 },
  renewEpoch: { lua: onRoom('renew-epoch'), numberOfKeys: 2 },
  updatePresence: { lua: read('update-presence'), numberOfKeys: 1 },
  occupy: { lua: read('occupy'), numberOfKeys: 3 },
  vacate: { lua: read('vacate'), numberOfKeys: 3 }
}

/** A script after the functions that all scripts on a room share. */
function onRoom (name: string): string {
  return read('room') + read(name)
}

function read (name: string): string {
  return readFileSync(new URL(`./scripts/${name}.lua`, import.meta.url), 'utf8')
}
