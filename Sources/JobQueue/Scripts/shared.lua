-- Put behind the first line of every script by Scripts.swift.

local GROUP = 'workers'
local LOG_LIMIT = 500
local call = redis.call

-- Fields of a hash. A key of another type has none: an entry of another program can name any key, and must not stop who reads it.
local function fields_of(key, ...)
    local values = redis.pcall('HMGET', key, ...)
    return values.err and {} or values
end

local function terminal(status)
    return status == 'completed' or status == 'failed' or status == 'cancelled'
end

-- The text in front of all our keys, taken from a declared key that ends in `tail`.
local function prefix_of(key, tail)
    return string.sub(key, 1, #key - #tail)
end

-- A level is the tail of a stream's name; the medium stream has the bare name, and so has its level.
local levels_seen = {}
local function level_of(stream)
    levels_seen[stream] = levels_seen[stream] or string.match(stream, '_jobs:(%l+)$') or ''
    return levels_seen[stream]
end

local function level_of_priority(priority)
    return (priority and priority ~= 'medium') and priority or ''
end

local function stream_of(prefix, queue, level)
    return prefix .. queue .. '_jobs' .. (level == '' and '' or ':' .. level)
end

-- A job's place, the field `entry`: `<id>` or `<level>:<id>` of its stream entry, `lane:<level>` among the jobs of its concurrency key,
-- `parked:<limit>` behind a limit, or nothing while it is scheduled or waits for other jobs.
local function place(level, entry)
    return level == '' and entry or level .. ':' .. entry
end

-- A plain job that waits has a `+` in front of its place: nothing was told of it but its acceptance, its entry has all that its handler needs,
-- and so a claim that finds the mark looks at nothing else. Whoever changes such a job takes the mark away: see `unfold`.
local function unmarked(place)
    return string.byte(place or '') == 43 and string.sub(place, 2) or place
end

-- RFC 3339 of a moment in milliseconds.
local function rfc3339(milliseconds)
    local days = math.floor(milliseconds / 86400000)
    local rest = milliseconds - days * 86400000
    local shifted = days + 719468 -- since 0000-03-01
    local era = math.floor(shifted / 146097)
    local day = shifted - era * 146097
    local year = math.floor((day - math.floor(day / 1460) + math.floor(day / 36524) - math.floor(day / 146096)) / 365)
    day = day - (365 * year + math.floor(year / 4) - math.floor(year / 100))
    local month = math.floor((5 * day + 2) / 153)
    return string.format('%04d-%02d-%02dT%02d:%02d:%02d.%03dZ', era * 400 + year + (month >= 10 and 1 or 0), month < 10 and month + 3 or month - 9,
        day - math.floor((153 * month + 2) / 5) + 1, math.floor(rest / 3600000), math.floor(rest / 60000) % 60, math.floor(rest / 1000) % 60,
        rest % 1000)
end

-- A plain job's first start is told by its lease and `started_at` alone: as long as it has no field `attempt`. Who gives it more to tell, or takes
-- the lease away, writes down first what follows from them: attempt, number and event.
local function unfold(job)
    local state = call('HMGET', job, 'attempt', 'lease', 'started_at', 'status', 'entry')
    local worker = not state[1] and string.match(state[2] or '', '^(.*):1$')
    if worker then
        local event = '{"seq":2,"attempt":1,"event":"started","status":"processing","timestamp":"' .. rfc3339(tonumber(state[3] or 0))
            .. '","worker":"' .. worker .. '"}'
        call('HSET', job, 'more', '1', 'attempt', '1', 'seq', terminal(state[4]) and '2' or '1', 'event', event)
    elseif not state[1] then
        call('HSET', job, 'more', '1', 'entry', unmarked(state[5]) or '')
    end
end

-- What was told before and is not the latest any more. What a torn file brings back of a job that has ended must not stay for ever.
local LOG_MS = '31536000000'
local function keep_told(job, event)
    if call('RPUSH', job .. ':log', event) == 1 then
        call('PEXPIRE', job .. ':log', LOG_MS)
    end
    call('LTRIM', job .. ':log', -LOG_LIMIT, -1)
end

-- Numbers an event and tells the watchers. For replay the latest one is kept in the hash and the older ones in the log: a short job needs no
-- log. Number 1 is the acceptance, which the hash itself tells. The hash must exist, and be unfolded.
local function tell(job, body)
    local told = call('HINCRBY', job, 'seq', 1)
    local event = '{"seq":' .. told + 1 .. ',' .. body
    local before = call('HGET', job, 'event')
    if before then
        keep_told(job, before)
    end
    call('HSET', job, 'event', event)
    call('PUBLISH', job .. ':events', event)
end

-- Tells many jobs' events, one each; `event_of(n)` makes the text. Most have no watcher: asking for all channels at once costs half of telling
-- each, and the text of what nobody hears is not made. Only subscribers of this server count: watchers ask the primary.
local function tell_all(channels, event_of)
    if not channels[1] then
        return
    end
    local heard = call('PUBSUB', 'NUMSUB', unpack(channels))
    local has_patterns = call('PUBSUB', 'NUMPAT') > 0
    for n, channel in ipairs(channels) do
        if has_patterns or heard[2 * n] > 0 then
            call('PUBLISH', channel, event_of(n))
        end
    end
end

-- The last event of a job carries its result or error. It is not kept: the hash has all of it.
local function tell_end(job, body)
    local told = call('HINCRBY', job, 'seq', 1)
    call('PUBLISH', job .. ':events', '{"seq":' .. told + 1 .. ',' .. body)
end

-- Acknowledge and delete together, in this order: an acknowledged entry that stays is never read again and fills the memory, a pending one
-- without content is thrown away by whoever looks at it.
local function discard(stream, ...)
    call('XDEL', stream, ...)
    call('XACK', stream, GROUP, ...)
end

-- The worker that a lease names.
local function holder_of(lease)
    return string.match(lease or '', '^(.+):%d+$')
end

-- The entry of a running job is pending for the worker that runs it: recovery begins there. So it is again after its group was lost, whoever has
-- read it meanwhile; with FORCE where nobody may have. A group that is gone gives it out anew.
local function give_to_holder(stream, entry, holder, ...)
    redis.pcall('XCLAIM', stream, GROUP, holder, 0, entry, 'JUSTID', ...)
end

local function expire(job, milliseconds)
    call('PEXPIRE', job .. ':log', milliseconds)
    call('PEXPIRE', job .. ':steps', milliseconds)
    call('PEXPIRE', job, milliseconds) -- last: repair looks at this one
end

local function clock()
    local time = call('TIME')
    return time[1] * 1000 + math.floor(time[2] / 1000)
end
