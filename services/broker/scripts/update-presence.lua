-- KEYS 1 presence. ARGV 1 channel, 2 seconds it lives, 3 envelope, 4 number of fields to set, then field, value …, then
-- the fields to delete.
local sets = tonumber(ARGV[4])
for i = 1, sets do redis.call('HSET', KEYS[1], ARGV[3 + 2 * i], ARGV[4 + 2 * i]) end
for i = 5 + 2 * sets, #ARGV do redis.call('HDEL', KEYS[1], ARGV[i]) end
redis.call('EXPIRE', KEYS[1], ARGV[2])
redis.call('PUBLISH', ARGV[1], ARGV[3])
return 1
