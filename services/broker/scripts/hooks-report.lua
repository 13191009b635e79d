-- Takes a report of the subjects that an instance holds. The record of a subject is 'TOLD NEXT HOLDERS FIELDS': the announced
-- stay, and the last one that was or may have been announced, both '-' for none; the tellers that hold it, with commas around
-- each; the fields of its events. After every change, `decide` announces what differs between TOLD and HOLDERS.
-- KEYS 1 subjects, 2 due decisions, 3 outbox, 4 meta, 5 tellers, 6 retired tellers; of the teller 7 its subjects, 8 its last
-- report; of the teller to retire 9 its subjects, 10 its last report.
-- ARGV 1 teller, 2 number, 3 run id of this Redis, 4 lease in ms, 5 random text, 6 names of the events to send, 7 queue size,
-- 8 linger in ms of rooms and 9 of members when an instance leaves, 10 seconds to keep the keys, 11 teller to retire or '';
-- then for each change '+' or '-', subject, stay or '-', '1' for delivered, and fields.
local clock = redis.call('TIME')
local now = clock[1] * 1000 + math.floor(clock[2] / 1000)
local function text(number) return string.format('%d', number) end
local function instanceOf(teller) return string.match(teller, '^(.*)%.') end

local teller, number, retired = ARGV[1], tonumber(ARGV[2]), ARGV[11]
if redis.call('ZSCORE', KEYS[6], teller) then return '{"outcome":"gone"}' end
local last = redis.call('HMGET', KEYS[8], 'number', 'answer')
if tonumber(last[1]) == number then return last[2] end

-- A new Redis process, or one that lacks a report, may have lost other reports too. For one lease nothing new is announced,
-- so that all instances can repeat what they know.
local meta = redis.call('HMGET', KEYS[4], 'run', 'settledAt', 'batch', 'owner')
local isLost = (tonumber(last[1]) or 0) ~= number - 1
local settledAt = tonumber(meta[2]) or 0
if isLost or meta[1] ~= ARGV[3] then
  if number > 1 or meta[1] then settledAt = now + ARGV[4] end
  redis.call('HSET', KEYS[4], 'run', ARGV[3], 'settledAt', text(settledAt))
end
if isLost then return '{"outcome":"lost"}' end

local made, dropped = 0, 0

local function load(subject)
  local known = redis.call('HGET', KEYS[1], subject)
  local record = { told = '-', next = '-', holders = ',', fields = '' }
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
  -- A leased batch stays unchanged.
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
  elseif not isHeld and record.next ~= '-' then
    -- Its beginning may not have been told. If it was, it has the same id.
    if not isTold then append(subject, record.next, true, record.fields) end
    append(subject, record.next, false, record.fields)
  end
  if isHeld then save(subject, record) else redis.call('HDEL', KEYS[1], subject) end
end

local function settle(subject, record, delay)
  local at = math.max(now + delay, settledAt)
  local isHeld = record.holders ~= ','
  local isDue = isHeld and record.told == '-' or not isHeld and record.next ~= '-'
  if at <= now or not isDue then return decide(subject, record) end
  save(subject, record)
  redis.call('ZADD', KEYS[2], text(at), subject)
end

-- The record may have been lost. The later stay is the one that was announced last.
local function learn(record, stay, isDelivered)
  if stay == '-' or stay < record.told or stay < record.next then return end
  if isDelivered then record.told = stay
  elseif record.told ~= stay then record.told = '-' end
  record.next = stay
end

local function hold(subject, stay, isDelivered, fields)
  local record = load(subject)
  record.fields = fields
  learn(record, stay, isDelivered)
  redis.call('SADD', KEYS[7], subject)
  if not string.find(record.holders, ',' .. teller .. ',', 1, true) then record.holders = record.holders .. teller .. ',' end
  settle(subject, record, 0)
  return record.told
end

local function release(subject, name, held, delay, stay, isDelivered, fields)
  local record = load(subject)
  if record.fields == '' then record.fields = fields end
  learn(record, stay, isDelivered)
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
    release(subject, teller, KEYS[7], 0, stay, ARGV[i + 3] == '1', fields)
    stays[#stays + 1] = '-'
  end
end

-- The people of a leaving instance get time to come back elsewhere. If it is the last instance, nobody could announce it later.
local isLeaving, isAlone = retired == teller, false
if isLeaving then
  isAlone = true
  for _, other in ipairs(redis.call('ZRANGEBYSCORE', KEYS[5], '(' .. text(now - ARGV[4]), '+inf')) do
    if instanceOf(other) ~= instanceOf(teller) then isAlone = false end
  end
  if isAlone then settledAt = 0 end
end

local isRetired = true
if retired ~= '' then
  local reportedAt = tonumber(redis.call('ZSCORE', KEYS[5], retired))
  if instanceOf(retired) == instanceOf(teller) or (reportedAt and reportedAt <= now - ARGV[4]) then
    if not isLeaving then redis.call('ZADD', KEYS[6], text(now), retired) end
    for _, subject in ipairs(redis.call('SRANDMEMBER', KEYS[9], 200)) do
      local linger = string.sub(subject, 1, 5) == 'room ' and ARGV[8] or ARGV[9]
      release(subject, retired, KEYS[9], isLeaving and not isAlone and tonumber(linger) or 0, '-', false, '')
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
