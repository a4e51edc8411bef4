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

-- Numbers an event and tells the watchers. For replay the latest one is kept in the hash and the older ones in the log: a short job needs no
-- log. Number 1 is the acceptance, which the hash itself tells. The hash must exist.
local function tell(job, body)
    local told = call('HINCRBY', job, 'seq', 1)
    local event = '{"seq":' .. told + 1 .. ',' .. body
    local before = call('HGET', job, 'event')
    if before then
        call('RPUSH', job .. ':log', before)
        call('LTRIM', job .. ':log', -LOG_LIMIT, -1)
    end
    call('HSET', job, 'event', event)
    call('PUBLISH', job .. ':events', event)
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

local function expire(job, milliseconds)
    call('PEXPIRE', job .. ':log', milliseconds)
    call('PEXPIRE', job .. ':steps', milliseconds)
    call('PEXPIRE', job, milliseconds) -- last: repair looks at this one
end

local function clock()
    local time = call('TIME')
    return time[1] * 1000 + math.floor(time[2] / 1000)
end
