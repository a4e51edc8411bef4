#!lua
-- Accepts jobs, each if its id is new. First they are among the live jobs, then they have an entry, then a hash: a live job or an entry without
-- a hash is thrown away, a hash without an entry is mended only if it is among the live jobs.
-- KEYS    1 active
-- ARGV    1 now as RFC 3339   2… for each job: id, kind, queue, priority, due ms or 0 for now, created ms, input, policy, rare, how many fields more
--         or '', field, value …
--         `rare` is '' or JSON: key, unique, span, window_ms, accepted (SQL decided already), idempotency, fingerprint, ttl_ms, waiting, ready, first
-- Returns a pair for each job: {1, place} accepted   {0, status} the id exists   {2, id} this request was accepted as that job
--         {3, id} the key belongs to another request   {4, id} a job with this unique key lives
local prefix = prefix_of(KEYS[1], 'active')
local replies, active, accepted, seen, none = {}, {}, {}, {}, {}
local channels, events = {}, {} -- of the jobs that are accepted: who hears of it is asked once for all
local now_tail = '","timestamp":"' .. ARGV[1] .. '"}'

-- Whether the job that holds a unique key still does.
local function holds(id, span)
    local state = call('HMGET', prefix .. 'job:' .. id, 'status', 'unique_span')
    if span == 'window' or state[2] == 'window' then
        return true -- its key ends by itself
    elseif (state[2] or span) == 'queued' then
        return state[1] == 'waiting' or state[1] == 'scheduled' or state[1] == 'queued'
    end
    return state[1] and not terminal(state[1])
end

local taken = {} -- keys that earlier jobs of this call hold

-- Who stands in the way of a new job, as a reply; nil when nobody does.
local function refusal(id, rare)
    if rare.idempotency then
        local value = taken[rare.idempotency] or call('GET', prefix .. rare.idempotency) or ''
        local before, fingerprint = string.match(value, '^(%S+) (%S+)$')
        if before then
            return {fingerprint == rare.fingerprint and 2 or 3, before}
        end
    end
    if rare.unique and not rare.accepted then
        local key = prefix .. 'unique:' .. rare.unique
        local holder = call('GET', key)
        if taken[rare.unique] then
            return {4, taken[rare.unique]}
        elseif holder and holder ~= id and (holds(holder, rare.span) or call('PTTL', key) > 0) then
            return {4, holder}
        end
    end
end

local function take_keys(id, rare)
    if rare.unique then
        taken[rare.unique] = id
    end
    if rare.idempotency then
        taken[rare.idempotency] = id .. ' ' .. rare.fingerprint
    end
end

local function remember(id, rare)
    if rare.unique then
        local key = prefix .. 'unique:' .. rare.unique
        local holder = call('GET', key)
        if not holder or holder == id or not rare.accepted then
            if rare.span == 'window' then
                call('SET', key, id, 'PX', rare.window_ms)
            else
                call('SET', key, id)
            end
        end
    end
    if rare.idempotency then
        call('SET', prefix .. rare.idempotency, taken[rare.idempotency], 'PX', rare.ttl_ms)
    end
end

-- Puts a job where it waits; returns its state and place.
local function settle_in(id, kind, queue, priority, due, rare)
    if rare.waiting then
        return 'waiting', ''
    elseif due > 0 then
        call('ZADD', prefix .. 'scheduled', due, id)
        return 'scheduled', ''
    end
    return 'queued', put(prefix, id, queue, level_of_priority(priority), kind, rare.key)
end

-- A job that waited for other jobs may start.
local function make_ready(job, id, kind, queue, priority, due, rare)
    local status, entry = settle_in(id, kind, queue, priority, due, rare)
    call('HSET', job, 'status', status, 'entry', entry, 'more', '1')
    tell(job, '"event":"' .. status .. '","status":"' .. status .. '","timestamp":"' .. ARGV[1] .. '"}')
    return {1, entry}
end

-- What is to become of the job at a place of ARGV: a reply when it is not to be accepted.
local function judge(i, id, rare)
    local job = prefix .. 'job:' .. id
    local status = seen[id] or call('EXISTS', job) == 1 and call('HGET', job, 'status')
    if status == 'waiting' and rare.ready then
        return make_ready(job, id, ARGV[i + 1], ARGV[i + 2], ARGV[i + 3], tonumber(ARGV[i + 4]), rare)
    elseif status then
        return {0, status}
    end
    local refused = rare ~= none and refusal(id, rare)
    if refused then
        return refused
    end
    if rare ~= none then
        take_keys(id, rare)
    end
    seen[id] = 'queued'
    active[#active + 1] = ARGV[i + 5]
    active[#active + 1] = id
    accepted[ARGV[i + 2]] = (accepted[ARGV[i + 2]] or 0) + 1
end

local function accept(i, id, kind, queue, rare)
    local state, entry
    if rare == none and ARGV[i + 4] == '0' then
        state, entry = 'queued', put(prefix, id, queue, level_of_priority(ARGV[i + 3]), kind)
    else
        state, entry = settle_in(id, kind, queue, ARGV[i + 3], tonumber(ARGV[i + 4]), rare)
    end
    local job = prefix .. 'job:' .. id
    -- First what a claim reads: fields are looked for from the first one on.
    call('HSET', job, 'status', state, 'entry', entry, 'input', ARGV[i + 6], 'policy', ARGV[i + 7], 'job_id', id, 'kind', kind, 'queue', queue,
        'created_at', ARGV[i + 5], unpack(ARGV, i + 10, i + 9 + (tonumber(ARGV[i + 9]) or 0)))
    if rare ~= none then
        remember(id, rare)
    end
    channels[#channels + 1] = job .. ':events'
    events[#channels] = {rare.first or '1', kind, state}
    return {1, entry}
end

local places, rares = {}, {}
local i = 2
while ARGV[i] do
    local rare = ARGV[i + 8] == '' and none or cjson.decode(ARGV[i + 8])
    places[#places + 1] = i
    rares[#places] = rare
    replies[#places] = judge(i, ARGV[i], rare) or false
    i = i + 10 + (tonumber(ARGV[i + 9]) or 0)
end
if active[1] then
    call('ZADD', KEYS[1], unpack(active))
end
for n, at in ipairs(places) do
    replies[n] = replies[n] or accept(at, ARGV[at], ARGV[at + 1], ARGV[at + 2], rares[n])
end
for queue, count in pairs(accepted) do
    call('HINCRBY', prefix .. 'stats:' .. queue, 'accepted', count)
end
tell_all(channels, function(n)
    local event = events[n]
    return '{"seq":' .. event[1] .. ',"event":"' .. event[3] .. '","kind":"' .. event[2] .. '","status":"' .. event[3] .. now_tail
end)
return replies
