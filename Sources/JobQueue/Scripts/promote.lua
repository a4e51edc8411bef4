#!lua flags=allow-oom
-- Queues scheduled jobs that are due, by Redis's clock, or one now; wakes what is parked behind a limit that has room.
-- Entry, hash, schedule: cut anywhere, it can be repeated.
-- KEYS    1 scheduled
-- ARGV    1 how many at most   2 now as RFC 3339   [3 one job id, whenever it is due]
-- Returns {how many were queued, ms until there may be more to do or -1, status of the one job before or ''}
local prefix = prefix_of(KEYS[1], 'scheduled')
local now = clock()
local promoted, status = 0, ''

local function promote(id)
    local job = prefix .. 'job:' .. id
    local state = fields_of(job, 'status', 'queue', 'priority', 'kind', 'concurrency_key', 'suspect')
    if state[1] == 'scheduled' then
        local level = state[6] == '1' and 'suspect' or level_of_priority(state[3])
        local entry = put(prefix, id, state[2], level, state[4], state[5])
        call('HSET', job, 'status', 'queued', 'entry', entry, 'more', '1')
        tell(job, '"event":"queued","status":"queued","timestamp":"' .. ARGV[2] .. '"}')
        promoted = promoted + 1
    end
    call('ZREM', KEYS[1], id)
    return state[1] or ''
end

if ARGV[3] then
    status = promote(ARGV[3])
    return {promoted, -1, status}
end
for _, id in ipairs(call('ZRANGEBYSCORE', KEYS[1], '-inf', now, 'LIMIT', 0, ARGV[1])) do
    promote(id)
end

local soonest = -1
local function sooner(milliseconds)
    if milliseconds and (soonest < 0 or milliseconds < soonest) then
        soonest = milliseconds
    end
end
if call('EXISTS', prefix .. 'parked') == 1 then
    local due = the_parked().wake_due(prefix)
    sooner(due and math.max(0, math.ceil(due - now)))
end
local next = call('ZRANGE', KEYS[1], 0, 0, 'WITHSCORES')
sooner(next[2] and math.max(0, math.ceil(next[2] - now)))
return {promoted, soonest, ''}
