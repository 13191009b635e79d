-- KEYS 1 rooms of the instance, 2 number of instances of each room, 3 instances. ARGV 1 instance, 2 room.
-- Returns 1 for the first instance in the room.
redis.call('SADD', KEYS[3], ARGV[1])
if redis.call('SADD', KEYS[1], ARGV[2]) == 1 and redis.call('HINCRBY', KEYS[2], ARGV[2], 1) == 1 then return 1 end
return 0
