#!lua
-- Accepts jobs, each if its id is new. First they are among the live jobs, then they have an entry, then a hash: a live job or an entry without
-- a hash is thrown away, a hash without an entry is mended only if it is among the live jobs.
-- KEYS    1 active
-- ARGV    1 now as RFC 3339   2… runs of jobs that have these in common: kind, queue, priority, policy, created ms, submitted by or '', how many;
--         then id and input of each. A job with more to it is alone in its run, with 'rare' for how many, and after its id and input: due ms or 0
--         for now, how many fields more, field, value …, and JSON: key, unique, span, window_ms, accepted (SQL decided already), idempotency,
--         fingerprint, ttl_ms, waiting, ready, first
-- Returns how many, when all were plain and accepted; otherwise for each job: 1 accepted   {0, status} the id exists   {2, id} this request was accepted as that job
--         {3, id} the key belongs to another request   {4, id} a job with this unique key lives
local prefix = prefix_of(KEYS[1], 'active')
local jobs = prefix .. 'job:'
local CARRIED = 1024 -- bytes of input

-- Plain jobs of the run that begins at `i`, from `first` to `last` in ARGV: all that is known of one is in its run, its id and its input. If the
-- input is small, its entry brings what its handler needs. Status and place come first in the hash: fields are looked for from the first one on.
local function accept_plain(i, first, last)
    local kind, queue, level, policy, created = ARGV[i], ARGV[i + 1], level_of_priority(ARGV[i + 2]), ARGV[i + 3], ARGV[i + 4]
    local stream, words, front = stream_of(prefix, queue, level), policy .. ' ', place(level, '')
    local more = level ~= '' and {'priority', level}
    if ARGV[i + 5] ~= '' then
        more = more or {}
        more[#more + 1] = 'submitted_by'
        more[#more + 1] = ARGV[i + 5]
    end
    for at = first, last, 2 do
        local id, input, entry = ARGV[at], ARGV[at + 1], nil
        if #input <= CARRIED then
            entry = '+' .. front .. call('XADD', stream, '*', 'job_id', id, 'kind', kind, 'job', words .. input)
        else
            entry = front .. call('XADD', stream, '*', 'job_id', id, 'kind', kind)
        end
        if more then
            call('HSET', jobs .. id, 'status', 'queued', 'entry', entry, 'input', input, 'policy', policy, 'job_id', id, 'kind', kind,
                'queue', queue, 'created_at', created, unpack(more))
        else
            call('HSET', jobs .. id, 'status', 'queued', 'entry', entry, 'input', input, 'policy', policy, 'job_id', id, 'kind', kind,
                'queue', queue, 'created_at', created)
        end
    end
end

-- What few jobs need; made when the first one comes.
local function make_rare()
    -- prelude
    local seen, taken = {}, {} -- jobs that this call accepts, and keys that they hold
    local channels, events = {}, {} -- of the accepted jobs: who hears of it is asked once for all

    -- Whether the job that holds a unique key still does.
    local function holds(id, span)
        local state = call('HMGET', jobs .. id, 'status', 'unique_span')
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

    local function keep_keys(id, rare)
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
    local function settle_in(run, id, due, rare)
        if rare.waiting then
            return 'waiting', ''
        elseif due > 0 then
            call('ZADD', prefix .. 'scheduled', due, id)
            return 'scheduled', ''
        end
        return 'queued', put(prefix, id, run.queue, run.level, run.kind, rare.key)
    end

    -- A job that waited for other jobs may start.
    local function make_ready(run, id, due, rare)
        local job = jobs .. id
        local status, entry = settle_in(run, id, due, rare)
        call('HSET', job, 'status', status, 'entry', entry, 'more', '1')
        tell(job, '"event":"' .. status .. '","status":"' .. status .. '","timestamp":"' .. ARGV[1] .. '"}')
        return 1
    end

    -- A reply when the job is not to be accepted.
    local function judge(run, id, at)
        local status = seen[id] or call('HGET', jobs .. id, 'status')
        local rare = run.rare
        if status == 'waiting' and rare and rare.ready then
            return make_ready(run, id, tonumber(ARGV[at + 2]), rare)
        elseif status then
            return {0, status}
        end
        local refused = rare and refusal(id, rare)
        if refused then
            return refused
        elseif rare then
            take_keys(id, rare)
        end
        seen[id] = 'queued'
    end

    -- The number, kind and state that its acceptance tells.
    local function remember(id, kind, state, first)
        channels[#channels + 1] = jobs .. id .. ':events'
        events[#channels] = {first, kind, state}
    end

    local function accept(run, id, at)
        local rare, job = run.rare, jobs .. id
        if not rare or not rare.waiting and ARGV[at + 2] == '0' and ARGV[at + 3] == '0' then
            accept_plain(run.i, at, at)
            if rare then
                keep_keys(id, rare)
            end
            return remember(id, run.kind, 'queued', '1')
        end
        local state, entry = settle_in(run, id, tonumber(ARGV[at + 2]), rare)
        call('HSET', job, 'status', state, 'entry', entry, 'input', ARGV[at + 1], 'policy', run.policy, 'job_id', id, 'kind', run.kind,
            'queue', run.queue, 'created_at', run.created, unpack(ARGV, at + 4, at + 3 + ARGV[at + 3]))
        keep_keys(id, rare)
        remember(id, run.kind, state, rare.first or '1')
    end

    local function tell_accepted()
        tell_all(channels, function(n)
            local event = events[n]
            return '{"seq":' .. event[1] .. ',"event":"' .. event[3] .. '","kind":"' .. event[2] .. '","status":"' .. event[3]
                .. '","timestamp":"' .. ARGV[1] .. '"}'
        end)
    end

    -- What the jobs of a run have in common.
    local function run_at(i)
        return {
            i = i, kind = ARGV[i], queue = ARGV[i + 1], level = level_of_priority(ARGV[i + 2]), policy = ARGV[i + 3], created = ARGV[i + 4],
            first = i + 7, count = tonumber(ARGV[i + 6])}
    end

    -- Ids, places in ARGV and runs of all jobs, in their order.
    local function read_all()
        local ids, ats, of = {}, {}, {}
        local i = 2
        while ARGV[i] do
            local run = run_at(i)
            for n = 1, run.count or 1 do
                ids[#ids + 1] = ARGV[run.first + 2 * n - 2]
                ats[#ids], of[#ids] = run.first + 2 * n - 2, run
            end
            i = run.first + 2 * (run.count or 0)
            if not run.count then
                local fields = tonumber(ARGV[i + 3])
                run.rare = cjson.decode(ARGV[i + 4 + fields])
                i = i + 5 + fields
            end
        end
        return ids, ats, of
    end

    -- One after the other.
    local function accept_all()
        local ids, ats, of = read_all()
        local replies, active, accepted = {}, {}, {}
        for n, id in ipairs(ids) do
            replies[n] = judge(of[n], id, ats[n])
            if not replies[n] then
                active[#active + 1] = of[n].created
                active[#active + 1] = id
                accepted[of[n].queue] = (accepted[of[n].queue] or 0) + 1
            end
        end
        if active[1] then
            call('ZADD', KEYS[1], unpack(active))
        end
        for n, id in ipairs(ids) do
            if not replies[n] then
                accept(of[n], id, ats[n])
                replies[n] = 1
            end
        end
        for queue, count in pairs(accepted) do
            call('HINCRBY', prefix .. 'stats:' .. queue, 'accepted', count)
        end
        tell_accepted()
        return replies
    end

    return accept_all
end

local keys, active = {}, {} -- of the plain jobs
local i = 2
while ARGV[i + 6] ~= 'rare' and ARGV[i] do
    local created, after = ARGV[i + 4], i + 7 + 2 * ARGV[i + 6]
    for at = i + 7, after - 2, 2 do
        keys[#keys + 1] = jobs .. ARGV[at]
        active[#active + 1] = created
        active[#active + 1] = ARGV[at]
    end
    i = after
end

-- Nobody can wait for a new id but by a pattern. Of a row that is queued again whoever waits was told before.
if not ARGV[i] and call('PUBSUB', 'NUMPAT') == 0 and call('EXISTS', unpack(keys)) == 0 and call('ZADD', KEYS[1], unpack(active)) == #keys then
    i = 2
    while ARGV[i] do
        local count = tonumber(ARGV[i + 6])
        accept_plain(i, i + 7, i + 5 + 2 * count)
        call('HINCRBY', prefix .. 'stats:' .. ARGV[i + 1], 'accepted', count)
        i = i + 7 + 2 * count
    end
    return #keys
end
return make_rare()()
