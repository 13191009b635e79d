-- Reads history. KEYS 1 meta, 2 log. ARGV 5 since, 6 most updates, 7 most bytes (at least one update is returned).
-- Returns epoch, offset, oldest offset or -1, and the envelopes after `since`.
local epoch, offset = position(KEYS[1], KEYS[2], ARGV[3])
local first = redis.call('XRANGE', KEYS[2], '-', '+', 'COUNT', 1)[1]
local oldest = first and tonumber(string.match(first[1], '^(%d+)')) or -1
local messages, bytes, from = {}, 0, tonumber(ARGV[5]) + 1
while from <= offset and #messages < tonumber(ARGV[6]) and bytes < tonumber(ARGV[7]) do
  local slice = redis.call('XRANGE', KEYS[2], text(from), text(offset), 'COUNT', 32)
  if #slice == 0 then break end
  for _, entry in ipairs(slice) do
    if #messages < tonumber(ARGV[6]) and bytes < tonumber(ARGV[7]) then
      messages[#messages + 1] = entry[2][2]
      bytes = bytes + #entry[2][2]
      from = tonumber(string.match(entry[1], '^(%d+)')) + 1
    end
  end
end
return { epoch, offset, oldest, messages }
