-- What every script on a room begins with; the build of redis-scripts.ts puts it in front.
-- KEYS 1 meta, 2 log. ARGV 1 run id of this Redis, 2 whether it keeps an append-only file ('1'), 3 an epoch to use when
-- a new one is due, 4 seconds a room lives.

local function text(number) return string.format('%.0f', number) end

-- Milliseconds since 1970, as text.
local function time()
  local clock = redis.call('TIME')
  return string.format('%d%03d', clock[1], clock[2] / 1000)
end

local function begin()
  redis.call('DEL', KEYS[2])
  redis.call('HSET', KEYS[1], 'epoch', ARGV[3], 'offset', '0', 'run', ARGV[1])
  redis.call('EXPIRE', KEYS[1], ARGV[4])
  return ARGV[3], 0
end

-- The room's epoch and offset. `run` is the Redis process that wrote the meta last: another one without an append-only
-- file was restarted from a snapshot, or is a replica that was behind, so the room's past may be missing.
local function position()
  local meta = redis.call('HMGET', KEYS[1], 'epoch', 'offset', 'run')
  local epoch, offset = meta[1], tonumber(meta[2])
  if not epoch or not offset then return begin() end
  if meta[3] ~= ARGV[1] then
    if ARGV[2] ~= '1' then return begin() end
    redis.call('HSET', KEYS[1], 'run', ARGV[1])
  end
  return epoch, offset
end

