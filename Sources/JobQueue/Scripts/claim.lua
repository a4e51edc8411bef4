#!lua flags=allow-oom
-- Takes jobs for a worker's free slots: entry, lease, state and attempt in one step. First those whose entries a read handed to this worker,
-- then what it reads itself, highest stream first. While a stream has a backlog its entries are read beside this script: that costs half.
-- KEYS    1 worker hash   2… streams, highest priority first
-- ARGV    1 worker name   2 how many to read   3 now ms   4 now as RFC 3339   5 of these lowest stream first   6 aside   7 delivered   8… entry, job id
--         aside: '' or number of the stream that is read beside this: it is not read here, and what is below it only for 5
--         delivered: '' or number of the stream whose entries were handed to this worker; their job id is '' where the fields are not a job's
-- Returns {'dead'}   {'unregistered'}   {'ok', {paused queue …}, a letter for each of 8…, claim …}
--         the letter is p of a plain job: its entry says all; c of any other that is taken: the next claim; - of one that is not
--         a claim is `stream number entry id kind`, `policy input` of a plain job that was read here; {stream, entry, 'job', {field, value …}} of any
--         other job; {stream, entry, 'foreign', {field, value …}}
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
local has_limits = call('EXISTS', prefix .. 'limits') == 1
local claims, channels = {'ok', paused_names, ''}, {}
local taken = 0
local jobs = prefix .. 'job:'
local first_lease = name .. ':1'
local started_tail = ',"event":"started","status":"processing","timestamp":"' .. ARGV[4] .. '","worker":"' .. name .. '"}'
local spent, spent_stream = {}, nil -- entries of one stream that go without a claim
local budget = 500 -- entries that go without a claim, and turns looked at, in one call: bounds the time Redis is held

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

-- A key of another type is no job.
local function state_of(job)
    return fields_of(job, 'status', 'entry')
end

-- Whether a plain job waits for this entry (see `unmarked`); then it runs now. Its lease tells the rest: see `unfold`.
local function start_plain(job, place)
    if has_limits or redis.pcall('HGET', job, 'entry') ~= '+' .. place then
        return false
    end
    call('HSET', job, 'status', 'processing', 'entry', place, 'lease', first_lease, 'started_at', ARGV[3])
    channels[#channels + 1] = job .. ':events'
    return true
end

-- The attempt of any other job begins: number, lease and state.
local function start(job, id, stream, entry, permits)
    local rest = call('HMGET', job, 'attempt', 'seq', 'event', 'woken', 'unique', 'unique_span', 'permits')
    local attempt, told = tonumber(rest[1] or '0') + 1, tonumber(rest[2] or '0') + 1
    local event = '{"seq":' .. told + 1 .. ',"attempt":' .. attempt .. started_tail
    if rest[3] then
        keep_told(job, rest[3])
    end
    call('HSET', job, 'status', 'processing', 'entry', place(level_of(stream), entry), 'attempt', attempt, 'lease', name .. ':' .. attempt,
        'started_at', ARGV[3], 'seq', told, 'event', event, 'permits', permits or rest[7] or '', 'more', '1')
    call('PUBLISH', job .. ':events', event)
    if rest[4] then
        call('HDEL', job, 'woken')
    end
    if rest[6] == 'queued' then
        free_unique(prefix, rest[5], id)
    end
    taken = taken + 1
    claims[#claims + 1] = {stream, entry, 'job', call('HGETALL', job)}
end

-- What only jobs with a key or under a limit need; made when the first one comes.
local function make_rare()
    -- prelude
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
    local function admit(job, id, stream, entry, key)
        local rest = call('HMGET', job, 'permits', 'woken', 'created_at', 'kind', 'priority')
        local queue = queue_of(stream)
        local names = {'queue:' .. queue, 'kind:' .. rest[4]}
        if not key and not permits.limit_of(prefix, names[1]) and not permits.limit_of(prefix, names[2]) then
            start(job, id, stream, entry)
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
        start(job, id, stream, entry, take_permits(id, missing, rest[1] or ''))
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
            local started = waits and admit(job, id, stream, entry, key)
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

-- What only entries need that are not simply taken; made when the first one comes.
local function make_others()
    -- prelude
    -- The job that runs by an entry, if one does. A ticket may have been good for another job of its stream.
    local function running_by(stream, entry, fields)
        local job = jobs .. (call('HGET', stream .. ':served', entry) or fields[1] == 'job_id' and fields[2] or '')
        local state = state_of(job)
        return state[1] == 'processing' and state[2] == place(level_of(stream), entry) and job
    end

    -- Its claim's reply is under way or was lost, its worker died, or its group was lost and gives out again what is run: recovery decides.
    local function leave_to_holder(job, stream, entry)
        local holder = holder_of(call('HGET', job, 'lease'))
        if holder and holder ~= name then
            give_to_holder(stream, entry, holder)
        end
    end

    -- An entry that is not one of our plain ones: a ticket, or another program's. Returns the id of any other.
    local function take_odd(stream, entry, fields)
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
            local job = running_by(stream, entry, fields)
            if job then
                leave_to_holder(job, stream, entry)
            else
                rare().serve(stream, entry, id)
            end
        elseif foreign and not (id and unmarked(state_of(jobs .. id)[2]) == place(level_of(stream), entry)) then
            taken = taken + 1
            claims[#claims + 1] = {stream, entry, 'foreign', fields}
        else
            return id or ''
        end
    end

    -- One entry whose job is not a plain one that waits, or that a limit may stop.
    local function take(stream, entry, id)
        local job = jobs .. id
        local state = state_of(job)
        local current = unmarked(state[2]) == place(level_of(stream), entry)
        if current and state[1] == 'processing' then
            leave_to_holder(job, stream, entry)
        elseif not current or state[1] ~= 'queued' then
            spend(stream, entry)
        elseif not has_limits then
            start(job, id, stream, entry)
        elseif not rare().admit(job, id, stream, entry) then
            spend(stream, entry)
        end
    end

    -- An entry that was handed to this worker, is still its own, and not claimed yet; a job's hash tells that without asking, what has other
    -- fields must be asked for.
    local function fields_of_handed(stream, entry)
        local pending = redis.pcall('XPENDING', stream, GROUP, entry, entry, 1, name) -- the group may be gone
        local entries = #pending == 1 and call('XRANGE', stream, entry, entry) or {}
        if #entries == 1 then
            return not running_by(stream, entry, entries[1][2]) and entries[1][2] or nil
        elseif #pending == 1 then
            call('XACK', stream, GROUP, entry)
        end
    end

    -- An entry of a queue that was paused meanwhile goes back as it was.
    local function put_back(stream, entry)
        local fields = fields_of_handed(stream, entry)
        if not fields then
            return
        end
        local job = jobs .. (fields[1] == 'job_id' and fields[2] or '')
        local level = level_of(stream)
        local state = state_of(job)
        local waits = state[1] == 'queued' and unmarked(state[2]) == place(level, entry)
        local fresh = place(level, call('XADD', stream, '*', unpack(fields)))
        if waits then
            call('HSET', job, 'entry', unmarked(state[2]) == state[2] and fresh or '+' .. fresh)
        end
        discard(stream, entry)
    end

    return {take_odd = take_odd, take = take, fields_of_handed = fields_of_handed, put_back = put_back}
end

local others_made
local function others()
    others_made = others_made or make_others()
    return others_made
end

-- One entry whose fields are not just a job's id and kind.
local function take_odd(stream, entry, fields)
    local id = others().take_odd(stream, entry, fields)
    if id then
        others().take(stream, entry, id)
    end
end

-- The entries that were handed to this worker.
if ARGV[7] ~= '' then
    local stream = KEYS[tonumber(ARGV[7])]
    local level = level_of(stream)
    local is_paused = paused[queue_of(stream)]
    local letters = {}
    for at = 8, #ARGV, 2 do
        local entry, id, before = ARGV[at], ARGV[at + 1], #claims
        if is_paused then
            others().put_back(stream, entry)
        elseif id == '' then
            local fields = others().fields_of_handed(stream, entry)
            if fields then
                take_odd(stream, entry, fields)
            end
        elseif start_plain(jobs .. id, place(level, entry)) then
            letters[#letters + 1] = 'p'
        else
            others().take(stream, entry, id)
        end
        if #letters * 2 < at - 6 then
            letters[#letters + 1] = #claims > before and 'c' or '-'
        end
    end
    claims[3] = table.concat(letters)
    taken = 0
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

local function take_read(stream, number, entry, fields)
    local carries = fields[5] == 'job' and not fields[7]
    if fields[1] ~= 'job_id' or fields[3] ~= 'kind' or fields[5] and not carries then
        take_odd(stream, entry, fields)
    elseif carries and start_plain(jobs .. fields[2], place(level_of(stream), entry)) then
        taken = taken + 1
        claims[#claims + 1] = number .. ' ' .. entry .. ' ' .. fields[2] .. ' ' .. fields[4]
        claims[#claims + 1] = fields[6]
    else
        others().take(stream, entry, fields[2])
    end
end

local function fill(first, last, step, wanted)
    for i = first, last, step do
        if budget > 0 and taken < wanted and ARGV[6] ~= tostring(i) and not paused[queue_of(KEYS[i])] then
            local entries
            local number = tostring(i) -- once: a number in a text is formatted anew each time, at a third of a microsecond
            repeat
                local missing = wanted - taken
                entries = missing > 0 and read(KEYS[i], missing) or {}
                local before = taken
                for _, entry in ipairs(entries) do
                    take_read(KEYS[i], number, entry[1], entry[2] or {})
                end
                budget = budget - (#entries - (taken - before))
            until #entries < missing or missing <= 0 or budget <= 0
        end
    end
end

if ARGV[2] ~= '0' then
    fill(#KEYS, 2, -1, tonumber(ARGV[5]))
    fill(2, ARGV[6] == '' and #KEYS or tonumber(ARGV[6]) - 1, 1, tonumber(ARGV[2]))
end
if spent[1] then
    discard(spent_stream, unpack(spent))
end
tell_all(channels, function() return '{"seq":2,"attempt":1' .. started_tail end)
return claims
