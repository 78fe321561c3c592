"""The dirty queue's Lua scripts: each runs atomically inside Valkey, so two workers never see half a step.

Members are `kind:key`. Times are Valkey's own milliseconds, so no worker's clock decides. What each key holds:

dirty:i, dirty:b  zset  member -> due; the interactive and the background marks. Never earlier than `nb`
proc, tok, run    claims: zset member -> end of the lease; member -> fencing token; member -> lane, groups, hints
nb                zset  member -> not before (back-off); -1: a mark ended the back-off while the run went on
gen, hints, group hash  member -> number of its latest mark; JSON of strings; limit groups, separated by spaces
crash             hash  member -> leases in a row that ended without DONE
seq, turn, woken, epoch: last mark's number; claims so far; a wake-up is under way; gone = Valkey was wiped
"""

import hashlib
from dataclasses import dataclass, field

NAMES = (
    *("dirty:i", "dirty:b", "proc", "gen", "tok", "nb", "hints"),
    *("group", "run", "crash", "seq", "turn", "woken", "epoch"),
)
KEYS = tuple(f"{{wq}}:{name}" for name in NAMES)
"""All with one hash tag, so that the scripts also work where keys are spread over servers."""

MAX_HINTS = 4096
"""Bytes of hints kept for one member; older ones give way."""

_HEAD = """
local I, B, PROC, GEN, TOK, NB, HINTS, GROUP, RUN, CRASH, SEQ, TURN, WOKEN, EPOCH = unpack(KEYS)
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
-- A millisecond more, since `now` is rounded down: no lease ends here before it ends in the worker's eyes.
local function lease_end(lease) return now + tonumber(lease) + 1 end
local function number(text) return text and tonumber(text) end
-- At most one wake-up is under way. The flag ends by itself, should its job get lost.
local function wakes() return redis.call('SET', WOKEN, '1', 'NX', 'PX', 30000) and 1 or 0 end
"""
_PUT = """
local function lane_of(name) if name == 'b' then return B end return I end

-- Weak hints fill in what is missing: a sweep does not hide what a push said.
local function merge(member, new, weak)
  local old = redis.call('HGET', HINTS, member)
  if old then
    local below, above = cjson.decode(old), cjson.decode(new)
    if weak then below, above = above, below end
    for name, value in pairs(above) do below[name] = value end
    local both = cjson.encode(below)
    if #both <= MAX_HINTS then new = both elseif weak then new = old end
  end
  redis.call('HSET', HINTS, member, new)
end

-- The earlier due time wins, but no mark gets before the back-off. Returns when this one is due.
local function put(member, lane, due)
  local from = number(redis.call('ZSCORE', NB, member))
  if from and from > due then due = from end
  redis.call('ZADD', lane, 'LT', due, member)
  return due
end

local function number_mark(member) redis.call('HSET', GEN, member, redis.call('INCR', SEQ)) end

local function hold_back(member, till)
  redis.call('ZADD', NB, till, member)
  for _, lane in ipairs({I, B}) do
    local due = number(redis.call('ZSCORE', lane, member))
    if due and due < till then redis.call('ZADD', lane, till, member) end
  end
end

-- Was the back-off ended (by a push, a person) during the run? Then its failure says nothing about the new wish.
local function take_ended(member)
  local ended = number(redis.call('ZSCORE', NB, member)) == -1
  redis.call('ZREM', NB, member)
  return ended
end

local function let_go(member)
  redis.call('ZREM', PROC, member)
  for _, hash in ipairs({TOK, RUN}) do redis.call('HDEL', hash, member) end
end

local function forget_if_clean(member)
  if redis.call('ZSCORE', I, member) or redis.call('ZSCORE', B, member) then return end
  for _, hash in ipairs({GEN, HINTS, GROUP, CRASH}) do redis.call('HDEL', hash, member) end
end
""".replace("MAX_HINTS", str(MAX_HINTS))

_LOOK_FOR = """
local running = {}
local claimed = redis.call('ZRANGE', PROC, 0, -1)
for _, member in ipairs(claimed) do running[member] = true end

-- The first member of a lane, in due order, that `fits`; pages on, since the running ones may fill any window.
local function first(lane, till, fits)
  local offset = 0
  while true do
    local page = redis.call('ZRANGEBYSCORE', lane, '-inf', till, 'LIMIT', offset, 500)
    if #page == 0 then return nil end
    local groups = redis.call('HMGET', GROUP, unpack(page))
    for at, member in ipairs(page) do
      if not running[member] and fits(member, groups[at] or '') then return member, groups[at] or '' end
    end
    offset = offset + #page
  end
end
"""


@dataclass(frozen=True, slots=True)
class Script:
    """A Lua text; `sha` is how Valkey names it (EVALSHA)."""

    text: str
    sha: str = field(init=False)

    def __post_init__(self) -> None:
        sha = hashlib.sha1(self.text.encode(), usedforsecurity=False).hexdigest()
        object.__setattr__(self, "sha", sha)


MARK = Script(
    _HEAD
    + _PUT
    + """
local wake = false
for at = 1, #ARGV, 6 do
  local member, lane, delay, ends, group, hints = unpack(ARGV, at, at + 5)
  if ends == '1' then
    redis.call('ZREM', NB, member)
    if redis.call('ZSCORE', PROC, member) then redis.call('ZADD', NB, -1, member) end
  end
  if put(member, lane_of(lane), now + tonumber(delay)) <= now then wake = true end
  number_mark(member)
  if group ~= '' then redis.call('HSET', GROUP, member, group) end
  merge(member, hints, lane == 'b')
end
return wake and wakes() or 0
"""
)
"""ARGV, six for each mark: member, lane (i, b), delay in ms, 1 if it ends a back-off, groups, hints.

Returns 1 if the caller shall wake a worker. A repeated call does no harm.
"""

CLAIM = Script(
    _HEAD
    + _PUT
    + """
local function take_back_expired()
  for _, member in ipairs(redis.call('ZRANGEBYSCORE', PROC, '-inf', now, 'LIMIT', 0, 64)) do
    local lane, hints = string.match(redis.call('HGET', RUN, member), '^(.)\\n[^\\n]*\\n(.*)$')
    local crashes = redis.call('HINCRBY', CRASH, member, 1)
    let_go(member)
    -- The first time at once: a killed worker is nobody's fault. Then 1 s, 2 s, 4 s ... 64 s: a bug must not spin.
    if not take_ended(member) and crashes > 1 then hold_back(member, now + 1000 * 2 ^ math.min(crashes - 2, 6)) end
    put(member, lane_of(lane), now)
    merge(member, hints, true)
  end
end

redis.call('DEL', WOKEN)
redis.call('ZREMRANGEBYSCORE', NB, 0, now)
take_back_expired()
"""
    + _LOOK_FOR
    + """
local limits, busy = {}, {}
for at = 4, #ARGV, 2 do limits[ARGV[at]] = tonumber(ARGV[at + 1]) end
for _, run in ipairs(#ARGV > 3 and redis.call('HVALS', RUN) or {}) do
  for group in string.gmatch(string.match(run, '^.\\n([^\\n]*)'), '%S+') do busy[group] = (busy[group] or 0) + 1 end
end
-- Thousands may wait for the same groups: each combination is looked at once.
local allows = setmetatable({}, {__index = function(known, groups)
  known[groups] = true
  for group in string.gmatch(groups, '%S+') do
    local limit = limits[group] or limits[string.match(group, '^[^:]*')]
    if limit and (busy[group] or 0) >= limit then known[groups] = false end
  end
  return known[groups]
end})
local function fits(member, groups)
  return allows[groups] and string.find(ARGV[3], ',' .. string.match(member, '^[^:]*') .. ',', 1, true)
end

-- Every eighth claim takes background first: a stream of pushes must not starve the sweeps.
local turn = tonumber(redis.call('GET', TURN) or 0)
local order = {I, B}
if turn % 8 == 7 then order = {B, I} end
for _, lane in ipairs(order) do
  local member, groups = first(lane, now, fits)
  if member then
    local name = lane == B and 'b' or 'i'
    local due = tonumber(redis.call('ZSCORE', lane, member))
    local hints = redis.call('HGET', HINTS, member) or '{}'
    redis.call('INCR', TURN)
    for _, zset in ipairs({I, B, NB}) do redis.call('ZREM', zset, member) end
    redis.call('HDEL', HINTS, member)
    redis.call('ZADD', PROC, lease_end(ARGV[1]), member)
    redis.call('HSET', TOK, member, ARGV[2])
    redis.call('HSET', RUN, member, name .. '\\n' .. groups .. '\\n' .. hints)
    local generation, crashes = redis.call('HGET', GEN, member), redis.call('HGET', CRASH, member)
    return {member, generation or '0', hints, name, now - due, crashes or '0', groups}
  end
end
return nil
"""
)
"""ARGV: lease in ms, fresh token, wanted kinds as `,a,b,`, then pairs of a group, or a prefix, and most running.

Returns nothing, or member, generation, hints, lane, ms since it was due, crashes in a row, groups.
"""

RENEW = Script(
    _HEAD
    + """
if redis.call('HGET', TOK, ARGV[1]) ~= ARGV[2] then return 0 end
redis.call('ZADD', PROC, 'XX', lease_end(ARGV[3]), ARGV[1])
return 1
"""
)
"""ARGV: member, token, lease in ms. Returns 0, changing nothing, if the token is not that of the current claim."""
DONE = Script(
    _HEAD
    + _PUT
    + """
local member, token, again, not_before, lane, hints = unpack(ARGV)
if redis.call('HGET', TOK, member) ~= token then return -1 end
let_go(member)
redis.call('HDEL', CRASH, member)
local ended = take_ended(member)
if not_before ~= '' and not ended then hold_back(member, now + tonumber(not_before)) end
if again ~= '' then
  put(member, lane_of(lane), now + tonumber(again))
  number_mark(member)
  merge(member, hints, true)
end
forget_if_clean(member)
if again == '0' then return wakes() end
return 0
"""
)
"""ARGV: member, token, ms until it is marked again or '', ms of back-off or '', lane and hints of the new mark.

Returns -1, changing nothing, if the token is not that of the current claim; 1: wake a worker; 0.
"""

DROP = Script(
    _HEAD
    + _PUT
    + """
for _, lane in ipairs({I, B}) do redis.call('ZREM', lane, ARGV[1]) end
if redis.call('ZSCORE', PROC, ARGV[1]) then
  redis.call('HDEL', HINTS, ARGV[1])
else
  redis.call('ZREM', NB, ARGV[1])
  forget_if_clean(ARGV[1])
end
return 0
"""
)
"""ARGV: member. Its waiting marks go; a running claim goes on."""

LOOK = Script(
    _HEAD
    + _LOOK_FOR
    + """
local function waiting_since(lane)
  local member = first(lane, '+inf', function() return true end)
  return member and tonumber(redis.call('ZSCORE', lane, member)) - now
end
local function text(number) return number and string.format('%.0f', number) or '' end
local lease = redis.call('ZRANGE', PROC, 0, 0, 'WITHSCORES')[2]
local function next_timer(lane)
  local due = number(redis.call('ZRANGEBYSCORE', lane, '(' .. now, '+inf', 'WITHSCORES', 'LIMIT', 0, 1)[2])
  return due and due - now
end
return {
  redis.call('GET', EPOCH) or '',
  string.match(redis.call('INFO', 'server'), 'run_id:(%w+)') or '',
  redis.call('ZCOUNT', I, '-inf', now), redis.call('ZCOUNT', B, '-inf', now),
  redis.call('ZCOUNT', I, '(' .. now, '+inf') + redis.call('ZCOUNT', B, '(' .. now, '+inf'),
  #claimed,
  text(waiting_since(I)), text(waiting_since(B)), text(lease and tonumber(lease) - now),
  text(next_timer(I)), text(next_timer(B)),
  redis.call('EXISTS', WOKEN),
}
"""
)
"""Returns epoch, server run id, due interactive, due background, due later, running; then in ms from now, '' = none:

first waiting interactive mark, first waiting background mark, first end of a lease, next interactive and next
background mark that is not yet due; last, 1 if a wake-up is under way.
"""

FILLED = Script("""
if redis.call('DEL', KEYS[#KEYS]) == 0 then return 0 end
redis.call('SET', KEYS[#KEYS - 1], ARGV[1], 'NX')
return 1
""")
"""One key more: a note from before everything was marked. ARGV: epoch. Returns 0 if the note is gone: wiped again."""
