-- One report of an instance on what it holds. The record of a subject is 'TOLD NEXT HOLDERS FIELDS': the stay that the
-- backend was told of, the id that a stay would get, both '-' for none; the tellers that hold it, with commas around them;
-- what its events say. Whatever changes, `decide` makes what is told follow what is held.
-- KEYS 1 subjects, 2 when which are to be decided, 3 outbox, 4 meta, 5 tellers, 6 those retired; of the teller 7 what it
-- holds, 8 its last report; of the one to be retired 9 what it holds, 10 its last report.
-- ARGV 1 teller, 2 number, 3 run id of this Redis, 4 lease in ms, 5 something random, 6 names of events that are told,
-- 7 most events that wait, 8 linger in ms of rooms and 9 of members where an instance leaves, 10 seconds all this is kept,
-- 11 who is to be retired, or ''; then for each change '+' or '-', subject, stay or '-', '1' for delivered, and fields.
local clock = redis.call('TIME')
local now = clock[1] * 1000 + math.floor(clock[2] / 1000)
local function text(number) return string.format('%d', number) end
local function instanceOf(teller) return string.match(teller, '^(.*)%.') end

local teller, number, retired = ARGV[1], tonumber(ARGV[2]), ARGV[11]
if redis.call('ZSCORE', KEYS[6], teller) then return '{"outcome":"gone"}' end
local last = redis.call('HMGET', KEYS[8], 'number', 'answer')
if tonumber(last[1]) == number then return last[2] end

-- Another Redis process, or one that knows less than a teller: it may have lost some of what was reported. For a lease, all
-- others may still have to say what they know, and nothing new is told.
local meta = redis.call('HMGET', KEYS[4], 'run', 'settledAt', 'batch', 'owner')
local isLost = number > 1 and tonumber(last[1]) ~= number - 1
local settledAt = tonumber(meta[2]) or 0
if isLost or meta[1] ~= ARGV[3] then
  if number > 1 or meta[1] then settledAt = now + ARGV[4] end
  redis.call('HSET', KEYS[4], 'run', ARGV[3], 'settledAt', text(settledAt))
end
if isLost then return '{"outcome":"lost"}' end

local made, dropped = 0, 0

local function load(subject)
  local known = redis.call('HGET', KEYS[1], subject)
  local record = { told = '-', next = '-', holders = ',', fields = '', isNew = not known }
  if known then record.told, record.next, record.holders, record.fields = string.match(known, '^(%S+) (%S+) (%S+) (.*)$') end
  return record
end

local function save(subject, record)
  redis.call('HSET', KEYS[1], subject, table.concat({ record.told, record.next, record.holders, record.fields }, ' '))
end

local function append(subject, stay, hasBegun, fields)
  local name = string.sub(subject, 1, 5) == 'room ' and (hasBegun and 'room.occupied' or 'room.vacated') or (hasBegun and 'member.joined' or 'member.left')
  if not string.find(ARGV[6], name, 1, true) then return end
  local id = stay .. string.match(name, '%..*')
  redis.call('XADD', KEYS[3], '*', 'at', text(now), 'event', '{"id":"' .. id .. '","event":"' .. name .. '",' .. fields .. ',"at":' .. text(now) .. '}')
  local excess = redis.call('XLEN', KEYS[3]) - ARGV[7]
  if excess <= 0 then return end
  -- A batch that is under way stays as it is.
  for _, entry in ipairs(redis.call('XRANGE', KEYS[3], meta[3] and '(' .. meta[3] or '-', '+', 'COUNT', excess)) do
    dropped = dropped + redis.call('XDEL', KEYS[3], entry[1])
  end
end

local function decide(subject, record)
  local isHeld, isTold = record.holders ~= ',', record.told ~= '-'
  redis.call('ZREM', KEYS[2], subject)
  if isHeld and not isTold then
    if record.next == '-' then
      made = made + 1
      record.next = text(now) .. '-' .. ARGV[5] .. made
    end
    record.told = record.next
    append(subject, record.told, true, record.fields)
  elseif isTold and not isHeld then
    append(subject, record.told, false, record.fields)
  end
  if isHeld then save(subject, record) else redis.call('HDEL', KEYS[1], subject) end
end

local function settle(subject, record, delay)
  local at = math.max(now + delay, settledAt)
  local isDue = (record.holders ~= ',') ~= (record.told ~= '-')
  if at <= now or not isDue then return decide(subject, record) end
  save(subject, record)
  redis.call('ZADD', KEYS[2], text(at), subject)
end

local function hold(subject, stay, isDelivered, fields)
  local record = load(subject)
  record.fields = fields
  -- The later stay is the one that the backend was told of last.
  if stay ~= '-' and stay >= record.told and stay >= record.next then
    if isDelivered then record.told = stay
    elseif record.told ~= stay then record.told = '-' end
    record.next = stay
  end
  redis.call('SADD', KEYS[7], subject)
  if not string.find(record.holders, ',' .. teller .. ',', 1, true) then record.holders = record.holders .. teller .. ',' end
  settle(subject, record, 0)
  return record.told
end

local function release(subject, name, held, delay, stay, fields)
  local record = load(subject)
  -- Lost, and the backend may believe that it goes on.
  if record.isNew and stay then record.told, record.next, record.fields = stay, stay, fields end
  local first, final = string.find(record.holders, ',' .. name .. ',', 1, true)
  if first then record.holders = string.sub(record.holders, 1, first) .. string.sub(record.holders, final + 1) end
  settle(subject, record, delay)
  redis.call('SREM', held, subject)
end

local stays = {}
for i = 12, #ARGV, 5 do
  local subject, stay, fields = ARGV[i + 1], ARGV[i + 2], ARGV[i + 4]
  if ARGV[i] == '+' then
    stays[#stays + 1] = hold(subject, stay, ARGV[i + 3] == '1', fields)
  else
    release(subject, teller, KEYS[7], 0, stay ~= '-' and stay, fields)
    stays[#stays + 1] = '-'
  end
end

-- Who leaves gives its people the time to come back elsewhere; where it is the last one, nobody would tell later.
local isLeaving, isAlone = retired == teller, false
if isLeaving then
  isAlone = true
  for _, other in ipairs(redis.call('ZRANGEBYSCORE', KEYS[5], text(now - ARGV[4]), '+inf')) do
    if instanceOf(other) ~= instanceOf(teller) then isAlone = false end
  end
  if isAlone then settledAt = 0 end
end

local isRetired = true
if retired ~= '' then
  local reportedAt = tonumber(redis.call('ZSCORE', KEYS[5], retired))
  if instanceOf(retired) == instanceOf(teller) or (reportedAt and reportedAt < now - ARGV[4]) then
    if not isLeaving then redis.call('ZADD', KEYS[6], text(now), retired) end
    for _, subject in ipairs(redis.call('SRANDMEMBER', KEYS[9], 200)) do
      local linger = string.sub(subject, 1, 5) == 'room ' and ARGV[8] or ARGV[9]
      release(subject, retired, KEYS[9], isLeaving and not isAlone and tonumber(linger) or 0)
    end
    isRetired = redis.call('SCARD', KEYS[9]) == 0
    if isRetired then
      redis.call('ZREM', KEYS[5], retired)
      if not isLeaving then
        redis.call('DEL', KEYS[10])
        if meta[4] == instanceOf(retired) then redis.call('HDEL', KEYS[4], 'owner') end
      end
    end
  end
end

for _, subject in ipairs(redis.call('ZRANGEBYSCORE', KEYS[2], '-inf', isAlone and '+inf' or text(now), 'LIMIT', '0', '200')) do
  decide(subject, load(subject))
end
local due = redis.call('ZRANGEBYSCORE', KEYS[2], '-inf', '+inf', 'WITHSCORES', 'LIMIT', '0', '1')
if isAlone and due[1] then isRetired = false end

if not (isLeaving and isRetired) then redis.call('ZADD', KEYS[5], text(now), teller) end
redis.call('ZREMRANGEBYSCORE', KEYS[6], '-inf', text(now - ARGV[10] * 1000))
local oldest = redis.call('XRANGE', KEYS[3], '-', '+', 'COUNT', '1')[1]
local answer = cjson.encode({
  outcome = 'told',
  stays = stays,
  decidedAt = math.max(now, settledAt),
  deliveredBefore = oldest and tonumber(oldest[2][2]) or now,
  waiting = redis.call('XLEN', KEYS[3]),
  dropped = dropped,
  dueInMs = due[2] and math.max(0, due[2] - now) or -1,
  silent = redis.call('ZRANGEBYSCORE', KEYS[5], '-inf', text(now - ARGV[4]), 'LIMIT', '0', '10'),
  isRetired = isRetired
})
for i = 1, 7 do redis.call('EXPIRE', KEYS[i], ARGV[10]) end
redis.call('HSET', KEYS[8], 'number', text(number), 'answer', answer)
redis.call('EXPIRE', KEYS[8], ARGV[10])
return answer
