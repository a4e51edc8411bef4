#!lua flags=allow-oom
-- Takes jobs for a worker's free slots, highest stream first: entry, lease, state and attempt in one step.
-- With ARGV 6 it takes the one entry that a blocking read handed to this worker, if it is still this worker's.
-- KEYS    1 worker hash   2… streams, highest priority first
-- ARGV    1 worker name   2 how many   3 now ms   4 now as RFC 3339   [5 stream   6 entry of a blocking read]
-- Returns {'dead'}   {'unregistered'}   {'ok', {stream, entry, 'job', {field, value …}} …, {stream, entry, 'foreign', {field, value …}} …}
local name = ARGV[1]
local prefix = prefix_of(KEYS[1], 'worker:' .. name)
local found = redis.call('HMGET', KEYS[1], 'name', 'dead')
if found[2] then
    return {'dead'}
elseif not found[1] then
    return {'unregistered'}
end

local claims = {'ok'}

-- One delivered entry: a claim, an adoption for the worker to make, or nothing.
local function take(stream, entry, fields)
    local values = {}
    for i = 1, #fields, 2 do
        values[fields[i]] = fields[i + 1]
    end
    local job = prefix .. 'job:' .. (values.job_id or '')
    local state = fields_of(job, 'status', 'entry', 'stream', 'attempt')
    if values.source_type and (not state[1] or state[2] ~= entry) then
        claims[#claims + 1] = {stream, entry, 'foreign', fields}
        return
    end
    local current = state[2] == entry and state[3] == stream
    if current and state[1] == 'processing' then
        return -- its claim is under way or its worker died: recovery decides
    end
    if not current or state[1] ~= 'queued' then
        return discard(stream, entry)
    end
    local attempt = tonumber(state[4] or '0') + 1
    redis.call('HSET', job, 'status', 'processing', 'attempt', attempt, 'lease', name .. ':' .. attempt,
        'worker', name, 'started_at', ARGV[3], 'updated_at', ARGV[3])
    tell(job, '"attempt":' .. attempt .. ',"event":"started","status":"processing","timestamp":"' .. ARGV[4] .. '","worker":"' .. name .. '"}')
    claims[#claims + 1] = {stream, entry, 'job', redis.call('HGETALL', job)}
end

-- A stream or group that is gone is made again from the start: `$` would skip jobs.
local function read(stream, count)
    local command = {'XREADGROUP', 'GROUP', GROUP, name, 'COUNT', count, 'STREAMS', stream, '>'}
    local reply = redis.pcall(unpack(command))
    if type(reply) == 'table' and reply.err then
        redis.pcall('XGROUP', 'CREATE', stream, GROUP, '0', 'MKSTREAM')
        reply = redis.call(unpack(command))
    end
    return reply and reply[1][2] or {}
end

if ARGV[6] then
    local pending = redis.call('XPENDING', ARGV[5], GROUP, ARGV[6], ARGV[6], 1, name)
    local entries = #pending == 1 and redis.call('XRANGE', ARGV[5], ARGV[6], ARGV[6]) or {}
    if #entries == 1 then
        take(ARGV[5], ARGV[6], entries[1][2])
    elseif #pending == 1 then
        redis.call('XACK', ARGV[5], GROUP, ARGV[6])
    end
    return claims
end

local wanted = tonumber(ARGV[2])
local budget = wanted + 1000 -- stale entries skipped in one call: bounds the time Redis is held
for i = 2, #KEYS do
    local entries
    repeat
        local missing = wanted - (#claims - 1)
        entries = missing > 0 and read(KEYS[i], missing) or {}
        for _, entry in ipairs(entries) do
            take(KEYS[i], entry[1], entry[2] or {})
        end
        budget = budget - #entries
    until #entries < missing or missing <= 0 or budget <= 0
end
return claims
