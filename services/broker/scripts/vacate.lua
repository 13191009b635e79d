-- KEYS 1 rooms of the instance, 2 number of instances of each room, 3 instances. ARGV 1 instance, 2 room; without it, all
-- rooms of the instance. Returns the rooms that are now empty.
local rooms, empty = {}, {}
if ARGV[2] then rooms[1] = ARGV[2] else rooms = redis.call('SMEMBERS', KEYS[1]) end
for _, room in ipairs(rooms) do
  if redis.call('SREM', KEYS[1], room) == 1 and redis.call('HINCRBY', KEYS[2], room, -1) <= 0 then
    redis.call('HDEL', KEYS[2], room)
    empty[#empty + 1] = room
  end
end
if redis.call('EXISTS', KEYS[1]) == 0 then redis.call('SREM', KEYS[3], ARGV[1]) end
return empty
