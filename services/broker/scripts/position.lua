-- KEYS 3 presence. ARGV 5 seconds presence lives. Keeps a room with members alive. Answers epoch and offset.
local epoch, offset = position()
redis.call('EXPIRE', KEYS[1], ARGV[4])
redis.call('EXPIRE', KEYS[3], ARGV[5])
return { epoch, offset }
