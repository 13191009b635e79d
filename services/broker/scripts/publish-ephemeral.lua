-- ARGV 5 deadline by this Redis' clock, 6 channel, 7 body of the envelope. Answers as publish-update does, with offset 0.
local now = time()
if tonumber(now) > tonumber(ARGV[5]) then return 'late ' .. now end
local epoch = position()
local instances = redis.call('PUBLISH', ARGV[6], '{"v":1,"kind":"ephemeral","epoch":"' .. epoch .. '","publishedAt":' .. now .. ',' .. ARGV[7])
return 'new ' .. now .. ' ' .. epoch .. ' 0 ' .. instances
