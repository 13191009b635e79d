-- What the scripts on a room share; redis-scripts.ts puts it in front of them.
-- ARGV 1 run id of this Redis, 2 whether it keeps an append-only file ('1'), 3 an epoch to use when a new one is due,
-- 4 seconds a room lives that is made, or begins anew.

local function text(number) return string.format('%d', number) end

-- A new epoch. A script that dies in here leaves a room without a past, which the next one begins.
local function begin(meta, log, epoch)
  redis.call('DEL', log)
  redis.call('HSET', meta, 'epoch', epoch, 'offset', '0', 'run', ARGV[1])
  redis.call('EXPIRE', meta, ARGV[4])
  return epoch, 0
end

-- Epoch and offset. `run` is the Redis process that wrote the meta last: another one without an append-only file was
-- restarted from a snapshot, or is a replica that was behind, so the room's past may be missing.
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

