-- KEYS 1 meta, 2 outbox. ARGV 1 instance, 2 for how many ms it delivers (0: no more), 3 most events.
-- Answers the id of the last event and their texts; nothing where nothing waits, or another instance delivers.
local clock = redis.call('TIME')
local now = clock[1] * 1000 + math.floor(clock[2] / 1000)
local meta = redis.call('HMGET', KEYS[1], 'owner', 'ownedUntil', 'batch')
if meta[1] and meta[1] ~= ARGV[1] and tonumber(meta[2]) > now then return {} end
local entries = {}
if ARGV[2] ~= '0' then
  -- What another one has sent, and was perhaps taken, is sent again as it was.
  if meta[3] then entries = redis.call('XRANGE', KEYS[2], '-', meta[3]) end
  if #entries == 0 then entries = redis.call('XRANGE', KEYS[2], '-', '+', 'COUNT', ARGV[3]) end
end
if #entries == 0 then
  redis.call('HDEL', KEYS[1], 'owner')
  return {}
end
local answer = { entries[#entries][1] }
for _, entry in ipairs(entries) do answer[#answer + 1] = entry[2][4] end
redis.call('HSET', KEYS[1], 'owner', ARGV[1], 'ownedUntil', string.format('%d', now + ARGV[2]), 'batch', answer[1])
return answer
