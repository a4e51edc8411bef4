-- Put behind the first line of every script by Scripts.swift.

local GROUP = 'workers'
local LOG_LIMIT = 500

-- Numbers an event, keeps it for replay and tells the watchers. The hash must exist.
local function tell(job, body)
    local event = '{"seq":' .. redis.call('HINCRBY', job, 'seq', 1) .. ',' .. body
    redis.call('RPUSH', job .. ':log', event)
    redis.call('LTRIM', job .. ':log', -LOG_LIMIT, -1)
    redis.call('PUBLISH', job .. ':events', event)
end

-- Acknowledge and delete together: an acknowledged entry that stays fills the memory.
local function discard(stream, entry)
    redis.call('XACK', stream, GROUP, entry)
    redis.call('XDEL', stream, entry)
end

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

local function expire(job, milliseconds)
    redis.call('PEXPIRE', job, milliseconds)
    redis.call('PEXPIRE', job .. ':log', milliseconds)
    redis.call('PEXPIRE', job .. ':steps', milliseconds)
end
