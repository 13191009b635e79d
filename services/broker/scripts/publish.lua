-- Publishes one or more updates. Each can fail on its own.
-- KEYS for each update: meta, log, and the receipt if its kind is 'once'.
-- ARGV 5 deadline by this Redis' clock in milliseconds, 6 history size, 7 history seconds, 8 receipt seconds, 9 seconds a
-- room lives after an update; then for each update its kind ('update', 'once': with an id of the caller, 'ephemeral'),
-- channel and envelope body.
-- Returns 'late' and the time; or the time, and for each update 'new EPOCH OFFSET INSTANCES', 'known' with the values of
-- the first update with this id, or 'failed' and the error.
local clock = redis.call('TIME')
local now = string.format('%d%03d', clock[1], clock[2] / 1000)
if tonumber(now) > tonumber(ARGV[5]) then return { 'late', now } end

local function remember(receipt, epoch, offset)
  redis.call('SET', receipt, epoch .. ' ' .. offset, 'EX', ARGV[8])
end

local function recall(receipt, meta)
  local known = redis.call('GET', receipt)
  if known then
    -- An earlier script failed between the receipt and the meta: complete it.
    local epoch, offset = string.match(known, '^(%S+) (%d+)')
    local room = redis.call('HMGET', meta, 'epoch', 'offset')
    if room[1] == epoch and tonumber(room[2]) < tonumber(offset) then redis.call('HSET', meta, 'offset', offset) end
  end
  return known
end

local function append(log, epoch, offset, body, receipt)
  local message = '{"v":1,"kind":"update","epoch":"' .. epoch .. '","offset":' .. offset .. ',"publishedAt":' .. now .. ',' .. body
  local answer = redis.pcall('XADD', log, 'MAXLEN', ARGV[6], offset .. '-0', 'm', message, 'k', receipt or '')
  return message, type(answer) == 'table' and answer.err
end

local function publish(meta, log, receipt, channel, body, fresh)
  local known = receipt and recall(receipt, meta)
  if known then return 'known ' .. known end
  local epoch, last = position(meta, log, fresh)
  local offset = text(last + 1)
  local message, fault = append(log, epoch, offset, body, receipt)
  if fault then
    -- An earlier script failed after its append, so the log is ahead of the meta: that update keeps its offset, take the next.
    local newest = redis.call('XREVRANGE', log, '+', '-', 'COUNT', 1)[1]
    local top = newest and string.match(newest[1], '^(%d+)') or '0'
    if tonumber(top) <= last then return 'failed ' .. fault end
    if receipt and newest[2][4] == receipt then
      offset, message = top, newest[2][2]
    else
      -- That update has no receipt if the script failed before writing it. Its caller will repeat it, so write it now.
      if newest[2][4] ~= '' then remember(newest[2][4], epoch, top) end
      offset = text(top + 1)
      message, fault = append(log, epoch, offset, body, receipt)
      if fault then return 'failed ' .. fault end
    end
  end
  -- The receipt is written before the offset: while the log is ahead, the append above finds an update without a receipt.
  if receipt then remember(receipt, epoch, offset) end
  redis.call('HSET', meta, 'offset', offset)
  redis.call('EXPIRE', meta, ARGV[9])
  redis.call('EXPIRE', log, ARGV[7])
  local instances = redis.call('PUBLISH', channel, message)
  if receipt then redis.call('APPEND', receipt, ' ' .. instances) end
  return 'new ' .. epoch .. ' ' .. offset .. ' ' .. instances
end

local function pass(meta, log, channel, body, fresh)
  local epoch = position(meta, log, fresh)
  local instances = redis.call('PUBLISH', channel, '{"v":1,"kind":"ephemeral","epoch":"' .. epoch .. '","publishedAt":' .. now .. ',' .. body)
  return 'new ' .. epoch .. ' 0 ' .. instances
end

local answers, key = { now }, 1
for i = 10, #ARGV, 3 do
  local kind, channel, body = ARGV[i], ARGV[i + 1], ARGV[i + 2]
  local meta, log, receipt = KEYS[key], KEYS[key + 1], nil
  local fresh = ARGV[3] .. i
  local worked, answer
  if kind == 'once' then receipt = KEYS[key + 2] end
  key = key + (receipt and 3 or 2)
  if kind == 'ephemeral' then worked, answer = pcall(pass, meta, log, channel, body, fresh)
  else worked, answer = pcall(publish, meta, log, receipt, channel, body, fresh) end
  -- Redis 7 throws a table, 6.2 a string.
  if not worked then answer = 'failed ' .. (type(answer) == 'table' and answer.err or tostring(answer)) end
  answers[#answers + 1] = answer
end
return answers
