-- Returns epoch and offset, and renews the room's life. KEYS 1 meta, 2 log, 3 presence. ARGV 4 life of a room without
-- any publish, 5 life of another room, 6 life of presence, all in seconds.
local epoch, offset = position(KEYS[1], KEYS[2], ARGV[3])
redis.call('EXPIRE', KEYS[1], offset > 0 and ARGV[5] or ARGV[4])
redis.call('EXPIRE', KEYS[3], ARGV[6])
return { epoch, offset }
