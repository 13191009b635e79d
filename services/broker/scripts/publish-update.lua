-- KEYS 3 receipt (only with an id of the caller). ARGV 5 deadline by this Redis' clock, 6 channel, 7 body of the
-- envelope, 8 history size, 9 history seconds, 10 receipt seconds.
-- Answers one text: 'late TIME', 'known TIME RECEIPT', or 'new TIME EPOCH OFFSET INSTANCES'.
local now = time()
if tonumber(now) > tonumber(ARGV[5]) then return 'late ' .. now end
local receipt = KEYS[3]
if receipt then
  local known = redis.call('GET', receipt)
  if known then
    -- A script that died after the receipt left the meta behind.
    local epoch, offset = string.match(known, '^(%S+) (%d+)')
    local meta = redis.call('HMGET', KEYS[1], 'epoch', 'offset')
    if meta[1] == epoch and tonumber(meta[2]) < tonumber(offset) then redis.call('HSET', KEYS[1], 'offset', offset) end
    return 'known ' .. now .. ' ' .. known
  end
end

local epoch, last = position()
local offset = text(last + 1)
local message
local function append()
  message = '{"v":1,"kind":"update","epoch":"' .. epoch .. '","offset":' .. offset .. ',"publishedAt":' .. now .. ',' .. ARGV[7]
  local appended = redis.pcall('XADD', KEYS[2], 'MAXLEN', ARGV[8], offset .. '-0', 'm', message, 'k', receipt or '')
  return type(appended) == 'table' and appended.err
end
local function remember(key, known)
  redis.call('SET', key, epoch .. ' ' .. known, 'EX', ARGV[10])
end

local fault = append()
if fault then
  -- A script that died after its append left the log ahead of the meta: that update has its offset, take the next.
  local newest = redis.call('XREVRANGE', KEYS[2], '+', '-', 'COUNT', 1)[1]
  local top = newest and string.match(newest[1], '^(%d+)') or '0'
  if tonumber(top) <= last then return redis.error_reply(fault) end
  if receipt and newest[2][4] == receipt then
    offset, message = top, newest[2][2]
  else
    -- That one's receipt is missing if the script died before it: the caller will repeat it.
    if newest[2][4] ~= '' then remember(newest[2][4], top) end
    offset = text(tonumber(top) + 1)
    fault = append()
    if fault then return redis.error_reply(fault) end
  end
end
-- The receipt comes before the offset: as long as the log is ahead, the append above finds what lacks one.
if receipt then remember(receipt, offset) end
redis.call('HSET', KEYS[1], 'offset', offset)
redis.call('EXPIRE', KEYS[1], ARGV[4])
redis.call('EXPIRE', KEYS[2], ARGV[9])
local instances = redis.call('PUBLISH', ARGV[6], message)
if receipt then redis.call('APPEND', receipt, ' ' .. instances) end
return 'new ' .. now .. ' ' .. epoch .. ' ' .. offset .. ' ' .. instances
