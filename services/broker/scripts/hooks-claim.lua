-- Leases the next batch. KEYS 1 meta, 2 outbox. ARGV 1 instance, 2 lease in ms (0 gives it back), 3 batch size.
-- Answers the id of the last event and the texts of all; nothing if no event waits or another instance has the lease.
local clock = redis.call('TIME')
local now = clock[1] * 1000 + math.floor(clock[2] / 1000)
local meta = redis.call('HMGET', KEYS[1], 'owner', 'ownedUntil', 'batch')
if meta[1] and meta[1] ~= ARGV[1] and tonumber(meta[2]) > now then return {} end
local entries = {}
if ARGV[2] ~= '0' then
  -- A batch that was possibly sent already stays the same.
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
