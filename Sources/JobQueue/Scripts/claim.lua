#!lua flags=allow-oom
-- Takes jobs for a worker's free slots, highest stream first: entry, lease, state and attempt in one step.
-- With ARGV 6 it takes the one entry that a blocking read handed to this worker, if it is still this worker's.
-- KEYS    1 worker hash   2… streams, highest priority first
-- ARGV    1 worker name   2 how many   3 now ms   4 now as RFC 3339   5 how many of them lowest stream first   [6 stream   7 entry of a blocking read]
-- Returns {'dead'}   {'unregistered'}   {'ok', {paused queue …}, claim …}; a claim is `stream number entry id policy kind`, input of a plain job,
--         {stream, entry, 'job', {field, value …}} of any other, or {stream, entry, 'foreign', {field, value …}}
local name = ARGV[1]
local prefix = prefix_of(KEYS[1], 'worker:' .. name)
local found = call('HMGET', KEYS[1], 'name', 'dead')
if found[2] then
    return {'dead'}
elseif not found[1] then
    return {'unregistered'}
end

local paused, paused_names = {}, call('SMEMBERS', prefix .. 'paused')
for _, queue in ipairs(paused_names) do
    paused[queue] = true
end
local claims, channels = {'ok', paused_names}, {}
local taken = 0
local started_tail = ',"event":"started","status":"processing","timestamp":"' .. ARGV[4] .. '","worker":"' .. name .. '"}'
local lease = name .. ':'
local first_lease = lease .. '1'
local kind, number -- of the entry that is being taken, and of its stream
local first_event = '{"seq":2,"attempt":1' .. started_tail
local spent, spent_stream = {}, nil -- entries of one stream that go without a claim

local function spend(stream, entry)
    if spent_stream ~= stream and spent[1] then
        discard(spent_stream, unpack(spent))
        spent = {}
    end
    spent_stream = stream
    spent[#spent + 1] = entry
end

local function queue_of(stream)
    return string.match(string.sub(stream, #prefix + 1), '^(.*)_jobs')
end

-- The attempt begins: number, lease and state. `state` is {status, entry, more, input, policy}.
-- A job without `more` is a plain one: never claimed before, nothing told but its acceptance, nothing that its input and policy do not say.
-- Its lease tells the rest: see `unfold`.
local function start(job, id, stream, entry, state, permits)
    taken = taken + 1
    if not state[3] and not permits then
        call('HSET', job, 'status', 'processing', 'lease', first_lease, 'started_at', ARGV[3])
        channels[#channels + 1] = job .. ':events'
        claims[#claims + 1] = number .. ' ' .. entry .. ' ' .. id .. ' ' .. state[5] .. ' ' .. kind
        claims[#claims + 1] = state[4]
        return
    end
    local rest = call('HMGET', job, 'attempt', 'seq', 'event', 'woken', 'unique', 'unique_span', 'permits')
    local attempt, told = tonumber(rest[1] or '0') + 1, tonumber(rest[2] or '0') + 1
    local event = '{"seq":' .. told + 1 .. ',"attempt":' .. attempt .. started_tail
    if rest[3] then
        keep_told(job, rest[3])
    end
    call('HSET', job, 'status', 'processing', 'entry', place(level_of(stream), entry), 'attempt', attempt, 'lease', lease .. attempt,
        'started_at', ARGV[3], 'seq', told, 'event', event, 'permits', permits or rest[7] or '', 'more', '1')
    call('PUBLISH', job .. ':events', event)
    if rest[4] then
        call('HDEL', job, 'woken')
    end
    if rest[6] == 'queued' then
        free_unique(prefix, rest[5], id)
    end
    claims[#claims + 1] = {stream, entry, 'job', call('HGETALL', job)}
end

local budget = 500 -- entries that go without a claim, and turns looked at, in one call: bounds the time Redis is held

-- A key of another type is no job.
local function state_of(job)
    local state = redis.pcall('HMGET', job, 'status', 'entry', 'more', 'input', 'policy')
    return state.err and {} or state
end

-- What only jobs with a key or under a limit need; made when the first one comes.
local function make_rare()
    local permits, lanes, parked = the_permits(), the_lanes(), the_parked()

    local function take_permits(id, names, held)
        local taken = {held ~= '' and held or nil}
        for _, limit in ipairs(names) do
            if permits.take_permit(prefix, limit, id) then
                taken[#taken + 1] = limit
            end
        end
        return table.concat(taken, ' ')
    end

    -- The job of a delivered entry or of a key's turn, if no limit of its queue or kind is in the way; otherwise it is parked.
    local function admit(job, id, stream, entry, state, key)
        local rest = call('HMGET', job, 'permits', 'woken', 'created_at', 'kind', 'priority')
        local queue = queue_of(stream)
        local names = {'queue:' .. queue, 'kind:' .. rest[4]}
        if not key and not permits.limit_of(prefix, names[1]) and not permits.limit_of(prefix, names[2]) then
            start(job, id, stream, entry, state)
            return true
        elseif parked.hindrance(prefix, queue, rest[4], rest[2]) then
            parked.park(prefix, id, queue, rest[4], rest[5], rest[3], key and not rest[2], rest[1])
            return false
        end
        local missing = {key and 'key:' .. key or nil}
        for _, name in ipairs(names) do
            if not parked.names(rest[2] or '', name) then
                missing[#missing + 1] = name
            end
        end
        start(job, id, stream, entry, state, take_permits(id, missing, rest[1] or ''))
        return true
    end

    -- A ticket is good for one job of the key whose turn it is; without one it is thrown away, and while the limit of the queue is full. One
    -- that was too long on its way is made anew: a key behind those that were looked at may have no other.
    local function serve(stream, entry, named)
        call('HINCRBY', stream .. ':times', '+', -1)
        local level = level_of(stream)
        while true do
            local id, key, time, looked = lanes.next_in_turn(prefix, stream, budget)
            budget = budget - looked
            if not id then
                if budget <= 0 and call('EXISTS', stream .. ':turns') == 1 then
                    lanes.add_ticket(stream, '', named or '', '')
                end
                return spend(stream, entry)
            elseif not permits.has_room(prefix, 'queue:' .. queue_of(stream)) then
                parked.list_lanes(prefix, queue_of(stream), level)
                return spend(stream, entry)
            end
            budget = budget - 1
            local job = prefix .. 'job:' .. id
            local state = state_of(job)
            local waits = state[1] == 'queued' and state[2] == 'lane:' .. level
            if waits and id ~= named then
                call('HSET', stream .. ':served', entry, id) -- recovery starts from the entry
            end
            local started = waits and admit(job, id, stream, entry, state, key)
            lanes.end_turn(prefix, stream, key, id, time, waits)
            if started then
                return
            end
            call('HDEL', stream .. ':served', entry)
        end
    end

    return {admit = admit, serve = serve}
end

local rare_made
local function rare()
    rare_made = rare_made or make_rare()
    return rare_made
end

local has_limits = call('EXISTS', prefix .. 'limits') == 1

-- True: the job runs now. False: it is parked behind a limit of its queue or kind.
local function admit(job, id, stream, entry, state)
    if has_limits then
        return rare().admit(job, id, stream, entry, state)
    end
    start(job, id, stream, entry, state)
    return true
end

-- An entry that is not one of our plain ones: a ticket, or another program's.
local function take_other(stream, entry, fields)
    local id, foreign, key
    for i = 1, #fields, 2 do
        if fields[i] == 'job_id' then
            id = fields[i + 1]
        elseif fields[i] == 'source_type' then
            foreign = true
        elseif fields[i] == 'key' then
            key = fields[i + 1]
        end
    end
    if key and not foreign then
        rare().serve(stream, entry, id)
    elseif foreign and not (id and state_of(prefix .. 'job:' .. id)[2] == place(level_of(stream), entry)) then
        taken = taken + 1
        claims[#claims + 1] = {stream, entry, 'foreign', fields}
    else
        return id or ''
    end
end

-- One delivered entry: a claim, an adoption for the worker to make, or nothing.
local function take(stream, entry, fields)
    local id = fields[2]
    kind = fields[4]
    if fields[1] ~= 'job_id' or fields[3] ~= 'kind' or fields[5] then
        id = take_other(stream, entry, fields)
        if not id then
            return
        end
    end
    local job = prefix .. 'job:' .. id
    local state = state_of(job)
    local current = state[2] == place(level_of(stream), entry)
    if current and state[1] == 'processing' then
        return -- its claim is under way or its worker died: recovery decides
    elseif not current or state[1] ~= 'queued' or not admit(job, id, stream, entry, state) then
        spend(stream, entry)
    end
end

-- A stream or group that is gone is made again from the start: `$` would skip jobs.
local function read(stream, count)
    local command = {'XREADGROUP', 'GROUP', GROUP, name, 'COUNT', count, 'STREAMS', stream, '>'}
    local reply = redis.pcall(unpack(command))
    if type(reply) == 'table' and reply.err then
        redis.pcall('XGROUP', 'CREATE', stream, GROUP, '0', 'MKSTREAM')
        reply = call(unpack(command))
    end
    return reply and reply[1][2] or {}
end

-- An entry of a queue that was paused meanwhile goes back as it was.
local function put_back(stream, entry, fields)
    local id = fields[1] == 'job_id' and fields[2] or ''
    local job = prefix .. 'job:' .. id
    local level = level_of(stream)
    local state = fields_of(job, 'entry', 'status')
    local fresh = call('XADD', stream, '*', unpack(fields))
    if state[1] == place(level, entry) and state[2] == 'queued' then
        call('HSET', job, 'entry', place(level, fresh))
    end
    discard(stream, entry)
end

local function answer()
    tell_all(channels, function() return first_event end)
    return claims
end

if ARGV[6] then
    number = '2'
    local pending = call('XPENDING', ARGV[6], GROUP, ARGV[7], ARGV[7], 1, name)
    local entries = #pending == 1 and call('XRANGE', ARGV[6], ARGV[7], ARGV[7]) or {}
    if #entries == 1 and paused[queue_of(ARGV[6])] then
        put_back(ARGV[6], ARGV[7], entries[1][2])
    elseif #entries == 1 then
        take(ARGV[6], ARGV[7], entries[1][2])
    elseif #pending == 1 then
        call('XACK', ARGV[6], GROUP, ARGV[7])
    end
    if spent[1] then
        discard(spent_stream, unpack(spent))
    end
    return answer()
end

local function fill(first, last, step, wanted)
    for i = first, last, step do
        if budget > 0 and not paused[queue_of(KEYS[i])] then
            local entries
            number = tostring(i) -- once: a number in a text is formatted anew each time, at a third of a microsecond
            repeat
                local missing = wanted - taken
                entries = missing > 0 and read(KEYS[i], missing) or {}
                local before = taken
                for _, entry in ipairs(entries) do
                    take(KEYS[i], entry[1], entry[2] or {})
                end
                budget = budget - (#entries - (taken - before))
            until #entries < missing or missing <= 0 or budget <= 0
        end
    end
end

fill(#KEYS, 2, -1, tonumber(ARGV[5]))
fill(2, #KEYS, 1, tonumber(ARGV[2]))
if spent[1] then
    discard(spent_stream, unpack(spent))
end
return answer()
