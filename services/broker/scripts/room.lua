-- Functions that the scripts on a room share; redis-scripts.ts puts them in front of each.
-- ARGV 1 run id of this Redis, 2 '1' if it keeps an append-only file, 3 an epoch to use when a new one is needed,
-- 4 seconds that a room lives when it is created or gets a new epoch.

local function text(number) return string.format('%d', number) end

-- Starts a new epoch. If it fails half-way, the room has no past, and the next script starts one.
local function begin(meta, log, epoch)
  redis.call('DEL', log)
  redis.call('HSET', meta, 'epoch', epoch, 'offset', '0', 'run', ARGV[1])
  redis.call('EXPIRE', meta, ARGV[4])
  return epoch, 0
end

-- Returns epoch and offset. `run` is the Redis process that last wrote the meta. Another process without an append-only
-- file started from a snapshot or was a lagging replica, so the room's past may be missing.
local function position(meta, log, epoch)
  local known = redis.call('HMGET', meta, 'epoch', 'offset', 'run')
  local offset = tonumber(known[2])
  if not known[1] or not offset then return begin(meta, log, epoch) end
  if known[3] ~= ARGV[1] then
    if ARGV[2] ~= '1' then return begin(meta, log, epoch) end
    redis.call('HSET', meta, 'run', ARGV[1])
  end
  return known[1], offset
end

