#!lua
-- Accepts jobs, each if its id is new. The entry comes before the hash: an entry without a hash is skipped, a hash without an entry would wait for ever.
-- KEYS    1 active
-- ARGV    1 now as RFC 3339   2… for each job: id, kind, queue, priority, due ms or 0 for now, created ms, rare, how many fields, field, value …
--         `rare` is '' or JSON: key, unique, span, window_ms, accepted (SQL decided already), idempotency, fingerprint, ttl_ms, waiting, ready, first
-- Returns a pair for each job: {1, place} accepted   {0, status} the id exists   {2, id} this request was accepted as that job
--         {3, id} the key belongs to another request   {4, id} a job with this unique key lives
local prefix = prefix_of(KEYS[1], 'active')
local replies, active, accepted = {}, {}, {}
local head_fields = 8

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

-- Who stands in the way of a new job, as a reply; nil when nobody does.
local function refusal(id, rare)
    if rare.idempotency then
        local before, fingerprint = string.match(call('GET', prefix .. rare.idempotency) or '', '^(%S+) (%S+)$')
        if before then
            return {fingerprint == rare.fingerprint and 2 or 3, before}
        end
    end
    if rare.unique and not rare.accepted then
        local key = prefix .. 'unique:' .. rare.unique
        local holder = call('GET', key)
        if holder and holder ~= id and (holds(holder, rare.span) or call('PTTL', key) > 0) then
            return {4, holder}
        end
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
        call('SET', prefix .. rare.idempotency, id .. ' ' .. rare.fingerprint, 'PX', rare.ttl_ms)
    end
end

-- Puts a job where it waits; returns its state and place.
local function settle_in(id, kind, queue, priority, due, created, rare)
    if rare.waiting then
        return 'waiting', ''
    elseif due > 0 then
        call('ZADD', prefix .. 'scheduled', due, id)
        return 'scheduled', ''
    end
    return 'queued', put(prefix, id, queue, level_of_priority(priority), kind, rare.key, created)
end

-- A job that waited for other jobs may start.
local function make_ready(job, id, kind, queue, priority, due, created, rare)
    local status, entry = settle_in(id, kind, queue, priority, due, created, rare)
    call('HSET', job, 'status', status, 'entry', entry)
    tell(job, '"event":"' .. status .. '","status":"' .. status .. '","timestamp":"' .. ARGV[1] .. '"}')
    return {1, entry}
end

local function accept(id, kind, queue, priority, due, created, rare, first, last)
    local job = prefix .. 'job:' .. id
    local status = call('HGET', job, 'status')
    if status == 'waiting' and rare.ready then
        return make_ready(job, id, kind, queue, priority, due, created, rare)
    elseif status then
        return {0, status}
    end
    local refused = refusal(id, rare)
    if refused then
        return refused
    end
    local state, entry = settle_in(id, kind, queue, priority, due, created, rare)
    call('HSET', job, 'job_id', id, 'kind', kind, 'queue', queue, 'status', state, 'entry', entry, 'created_at', created, unpack(ARGV, first, last))
    remember(id, rare)
    active[#active + 1] = created
    active[#active + 1] = id
    accepted[queue] = (accepted[queue] or 0) + 1
    call('PUBLISH', job .. ':events', '{"seq":' .. (rare.first or 1) .. ',"event":"' .. state .. '","kind":"' .. kind .. '","status":"' .. state
        .. '","timestamp":"' .. ARGV[1] .. '"}')
    return {1, entry}
end

local none = {}
local i = 2
while ARGV[i] do
    local first = i + head_fields
    local last = first + tonumber(ARGV[i + 7]) - 1
    local rare = ARGV[i + 6] == '' and none or cjson.decode(ARGV[i + 6])
    replies[#replies + 1] = accept(ARGV[i], ARGV[i + 1], ARGV[i + 2], ARGV[i + 3], tonumber(ARGV[i + 4]), ARGV[i + 5], rare, first, last)
    i = last + 1
end
if active[1] then
    call('ZADD', KEYS[1], unpack(active))
end
for queue, count in pairs(accepted) do
    call('HINCRBY', prefix .. 'stats:' .. queue, 'accepted', count)
end
return replies
