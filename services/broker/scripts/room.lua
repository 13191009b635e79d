-- What the scripts on a room share; redis-scripts.ts puts it in front of them.
-- ARGV 1 run id of this Redis, 2 whose rooms are whole here though another process wrote them last ('*' everyone's, else
-- how their run ids begin), 3 an epoch to use when a new one is due, 4 seconds a room lives that is made, or begins anew.

local function text(number) return string.format('%d', number) end

-- A new epoch. A script that dies in here leaves a room without a past, which the next one begins.
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

-- Epoch and offset. `run` is the Redis process that wrote the meta last: after another one the room's past may be missing,
-- since a process can be restarted from a snapshot, and a replica that is promoted can have been behind.
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

