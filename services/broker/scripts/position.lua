-- KEYS 1 meta, 2 log, 3 presence. ARGV 4 seconds a room lives to which nothing was published yet, 5 seconds another one
-- lives, 6 seconds presence lives. Keeps a room with members alive. Answers epoch and offset.
local epoch, offset = position(KEYS[1], KEYS[2], ARGV[3])
redis.call('EXPIRE', KEYS[1], offset > 0 and ARGV[5] or ARGV[4])
redis.call('EXPIRE', KEYS[3], ARGV[6])
return { epoch, offset }
