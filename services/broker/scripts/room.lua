-- Functions that the scripts on a room share; redis-scripts.ts puts them in front of each.
-- ARGV 1 run id of this Redis, 2 the other processes whose rooms are complete here: '*' for all, else how their run ids
-- begin, 3 an epoch to use when a new one is needed, 4 seconds that a room lives when it is created or gets a new epoch.

local function text(number) return string.format('%d', number) end

-- Starts a new epoch. If it fails half-way, the room has no past, and the next script starts one.
local function begin(meta, log, epoch)
  redis.call('DEL', log)
  redis.call('HSET', meta, 'epoch', epoch, 'offset', '0', 'run', ARGV[1])
  redis.call('EXPIRE', meta, ARGV[4])
  return epoch, 0
end

local function isWhole(run)
  if ARGV[2] == '*' then return true end
  for start in string.gmatch(ARGV[2], '%S+') do
    if run and string.sub(run, 1, #start) == start then return true end
  end
  return false
end

-- Returns epoch and offset. `run` is the Redis process that last wrote the meta. After another process, the room's past
-- may be missing: a process can start from a snapshot, and a promoted replica can have lagged.
local function position(meta, log, epoch)
  local known = redis.call('HMGET', meta, 'epoch', 'offset', 'run')
  local offset = tonumber(known[2])
  if not known[1] or not offset then return begin(meta, log, epoch) end
  if known[3] ~= ARGV[1] then
    if not isWhole(known[3]) then return begin(meta, log, epoch) end
    redis.call('HSET', meta, 'run', ARGV[1])
  end
  return known[1], offset
end

