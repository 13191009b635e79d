-- Removes an accepted batch. KEYS 1 meta, 2 outbox. ARGV 1 id of its last event. Answers the numbers of removed and of waiting events.
local count = 0
for _, entry in ipairs(redis.call('XRANGE', KEYS[2], '-', ARGV[1])) do count = count + redis.call('XDEL', KEYS[2], entry[1]) end
if redis.call('HGET', KEYS[1], 'batch') == ARGV[1] then redis.call('HDEL', KEYS[1], 'batch') end
return { count, redis.call('XLEN', KEYS[2]) }
