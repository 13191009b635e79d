// The Lua scripts: each is one atomic step on one room. A script is not rolled back when it fails half-way, so the
// order of its writes is chosen such that every prefix of them leaves the room whole.
import { ENVELOPE_VERSION } from './envelope.ts'

/**
 * The names of a room's keys and channel; the braces keep a room in one slot of a future cluster. Pub/sub knows no
 * databases: the channel says which.
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
export function occupancyNames (prefix: string, instance: string): [string, string, string] {
  const base = `${prefix}:{$/occupancy}`
  return [`${base}:rooms:${instance}`, `${base}:counts`, `${base}:instances`]
}

/**
 * KEYS 1 meta, 2 log. ARGV 1 run id of this Redis, 2 whether it keeps an append-only file, 3 an epoch to use when a new
 * one is due, 4 seconds a room lives that is made, or begins anew. `run` of the meta is the Redis process that wrote it
 * last: another one without an append-only file was restarted from a snapshot, or is a replica that was behind, so the
 * room's past may be missing.
 */
const room = `
local clock = redis.call('TIME')
local now = string.format('%.0f', clock[1] * 1000 + math.floor(clock[2] / 1000))
local text = function (number) return string.format('%.0f', number) end

local position = function ()
  local meta = redis.call('HMGET', KEYS[1], 'epoch', 'offset', 'run')
  local epoch, offset = meta[1], tonumber(meta[2])
  if not epoch or not offset or (meta[3] ~= ARGV[1] and ARGV[2] ~= '1') then
    epoch, offset = ARGV[3], 0
    redis.call('DEL', KEYS[2])
    redis.call('HSET', KEYS[1], 'epoch', epoch, 'offset', '0', 'run', ARGV[1])
    redis.call('EXPIRE', KEYS[1], ARGV[4])
  elseif meta[3] ~= ARGV[1] then
    redis.call('HSET', KEYS[1], 'run', ARGV[1])
  end
  return epoch, offset
end
`

/**
 * KEYS 3 receipt (only with an id of the caller). ARGV 5 deadline by this Redis' clock, 6 channel, 7 history size,
 * 8 history seconds, 9 receipt seconds, 10 body of the envelope.
 * Answers 'late' and the time; 'known', the time and the receipt; or 'new', the time, epoch, offset, instances.
 */
const publish = `${room}
if tonumber(now) > tonumber(ARGV[5]) then return { 'late', now } end
if KEYS[3] then
  local receipt = redis.call('GET', KEYS[3])
  if receipt then
    -- A script that died after the receipt left the meta behind.
    local epoch, offset = string.match(receipt, '^(%S+) (%d+)')
    local meta = redis.call('HMGET', KEYS[1], 'epoch', 'offset')
    if meta[1] == epoch and tonumber(meta[2]) < tonumber(offset) then redis.call('HSET', KEYS[1], 'offset', offset) end
    return { 'known', now, receipt }
  end
end

local epoch, offset = position()
local remember = function (key, known)
  redis.call('SET', key, epoch .. ' ' .. text(known), 'EX', ARGV[9])
end
local message
local append = function ()
  message = '{"v":${ENVELOPE_VERSION},"kind":"update","epoch":"' .. epoch .. '","offset":' .. text(offset) .. ',"publishedAt":' .. now .. ',' .. ARGV[10]
  return redis.pcall('XADD', KEYS[2], 'MAXLEN', ARGV[7], text(offset) .. '-0', 'm', message, 'k', KEYS[3] or '')
end

offset = offset + 1
local appended = append()
if type(appended) == 'table' and appended.err then
  -- A script that died after its append left the log ahead of the meta: that update has its offset, take the next.
  local last = redis.call('XREVRANGE', KEYS[2], '+', '-', 'COUNT', 1)[1]
  local top = last and tonumber(string.match(last[1], '^(%d+)')) or 0
  if top < offset then return redis.error_reply(appended.err) end
  if KEYS[3] and last[2][4] == KEYS[3] then
    offset, message = top, last[2][2]
  else
    -- That one's receipt is missing if the script died before it: the caller will repeat it.
    if last[2][4] ~= '' then remember(last[2][4], top) end
    offset = top + 1
    appended = append()
    if type(appended) == 'table' and appended.err then return redis.error_reply(appended.err) end
  end
end
-- The receipt comes before the offset: as long as the log is ahead, the append above finds what lacks one.
if KEYS[3] then remember(KEYS[3], offset) end
redis.call('HSET', KEYS[1], 'offset', text(offset))
redis.call('EXPIRE', KEYS[1], ARGV[4])
redis.call('EXPIRE', KEYS[2], ARGV[8])
local instances = redis.call('PUBLISH', ARGV[6], message)
if KEYS[3] then redis.call('APPEND', KEYS[3], ' ' .. instances) end
return { 'new', now, epoch, offset, instances }
`

/** ARGV 5 deadline, 6 channel, 7 body of the envelope. Answers as publish does, with offset 0. */
const publishEphemeral = `${room}
if tonumber(now) > tonumber(ARGV[5]) then return { 'late', now } end
local epoch = position()
local instances = redis.call('PUBLISH', ARGV[6], '{"v":${ENVELOPE_VERSION},"kind":"ephemeral","epoch":"' .. epoch .. '","publishedAt":' .. now .. ',' .. ARGV[7])
return { 'new', now, epoch, 0, instances }
`

/**
 * KEYS 3 presence. ARGV 4 seconds a room lives to which nothing was published yet, 5 seconds another one lives,
 * 6 seconds presence lives. Keeps a room with members alive. Answers epoch and offset.
 */
const position = `${room}
local epoch, offset = position()
redis.call('EXPIRE', KEYS[1], offset > 0 and ARGV[5] or ARGV[4])
redis.call('EXPIRE', KEYS[3], ARGV[6])
return { epoch, offset }
`

/**
 * ARGV 5 since, 6 most updates, 7 most bytes (at least one update comes).
 * Answers epoch, offset, oldest offset or -1, and the envelopes after since.
 */
const history = `${room}
local epoch, offset = position()
local first = redis.call('XRANGE', KEYS[2], '-', '+', 'COUNT', 1)[1]
local oldest = first and tonumber(string.match(first[1], '^(%d+)')) or -1
local messages, bytes, from = {}, 0, tonumber(ARGV[5]) + 1
while from <= offset and #messages < tonumber(ARGV[6]) and bytes < tonumber(ARGV[7]) do
  local slice = redis.call('XRANGE', KEYS[2], text(from), text(offset), 'COUNT', 32)
  if #slice == 0 then break end
  for _, entry in ipairs(slice) do
    if #messages < tonumber(ARGV[6]) and bytes < tonumber(ARGV[7]) then
      messages[#messages + 1] = entry[2][2]
      bytes = bytes + #entry[2][2]
      from = tonumber(string.match(entry[1], '^(%d+)')) + 1
    end
  end
end
return { epoch, offset, oldest, messages }
`

/** ARGV 5 the epoch that must end. Only the first of many who ask changes anything. */
const renewEpoch = `${room}
if position() == ARGV[5] then
  redis.call('DEL', KEYS[2])
  redis.call('HSET', KEYS[1], 'epoch', ARGV[3], 'offset', '0', 'run', ARGV[1])
  redis.call('EXPIRE', KEYS[1], ARGV[4])
end
return 1
`

/** KEYS 1 presence. ARGV 1 channel, 2 seconds it lives, 3 envelope, 4 how many fields to set, then field, value …, then fields to drop. */
const updatePresence = `
local sets = tonumber(ARGV[4])
for i = 1, sets do redis.call('HSET', KEYS[1], ARGV[3 + 2 * i], ARGV[4 + 2 * i]) end
for i = 5 + 2 * sets, #ARGV do redis.call('HDEL', KEYS[1], ARGV[i]) end
redis.call('EXPIRE', KEYS[1], ARGV[2])
redis.call('PUBLISH', ARGV[1], ARGV[3])
return 1
`

/** KEYS 1 rooms of the instance, 2 how many instances a room has, 3 instances. ARGV 1 instance, 2 room. Answers 1 for the first. */
const occupy = `
redis.call('SADD', KEYS[3], ARGV[1])
if redis.call('SADD', KEYS[1], ARGV[2]) == 1 and redis.call('HINCRBY', KEYS[2], ARGV[2], 1) == 1 then return 1 end
return 0
`

/** KEYS as above. ARGV 1 instance, 2 room, or none for all of them. Answers the rooms that nobody is in now. */
const vacate = `
local rooms, empty = {}, {}
if ARGV[2] then rooms[1] = ARGV[2] else rooms = redis.call('SMEMBERS', KEYS[1]) end
for _, room in ipairs(rooms) do
  if redis.call('SREM', KEYS[1], room) == 1 and redis.call('HINCRBY', KEYS[2], room, -1) <= 0 then
    redis.call('HDEL', KEYS[2], room)
    empty[#empty + 1] = room
  end
end
if redis.call('EXISTS', KEYS[1]) == 0 then redis.call('SREM', KEYS[3], ARGV[1]) end
return empty
`

export const redisScripts = {
  publishUpdate: { lua: publish },
  publishEphemeral: { lua: publishEphemeral, numberOfKeys: 2 },
  position: { lua: position, numberOfKeys: 3 },
  history: { lua: history, numberOfKeys: 2 },
  renewEpoch: { lua: renewEpoch, numberOfKeys: 2 },
  updatePresence: { lua: updatePresence, numberOfKeys: 1 },
  occupy: { lua: occupy, numberOfKeys: 3 },
  vacate: { lua: vacate, numberOfKeys: 3 }
}
