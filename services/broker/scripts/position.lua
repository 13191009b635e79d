-- KEYS 1 meta, 2 log, 3 presence. ARGV 5 seconds presence lives. Keeps a room with members alive. Answers epoch and offset.
local epoch, offset = position(KEYS[1], KEYS[2], ARGV[3])
redis.call('EXPIRE', KEYS[1], ARGV[4])
redis.call('EXPIRE', KEYS[3], ARGV[5])
return { epoch, offset }
