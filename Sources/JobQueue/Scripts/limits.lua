-- Put behind shared.lua in the scripts that move jobs: limits, the turns of concurrency keys, and where a job waits.
--
-- A limit is named `queue:<q>`, `kind:<k>` or `key:<k>`. Its permits are members of the zset `limit:<name>`, each the id of a job that runs or
-- was woken to run; the job's field `permits` names them. Jobs over the limit of a queue or kind wait in the zset `parked:<name>`.
-- The zset `parked` says when to look again at who waits for a limit, by Redis's clock.
-- Jobs with a concurrency key wait in lanes, one a key and stream; their stream entries are tickets: who takes one gets the job of the key
-- whose turn it is. There are at least as many tickets as jobs that may run, so no wakeup is lost, and at most as many as jobs that wait;
-- a ticket too many is thrown away. `<stream>:times` counts both, tickets under `+`, jobs under `-`.

--
-- All of it is made only when a job needs it: making a function costs a microsecond or so, and most jobs have neither key nor limit.

local function make_limits()
    local limits_seen = {}

    local function limit_of(prefix, name)
        if limits_seen[name] == nil then
            local text = call('HGET', prefix .. 'limits', name)
            if not text and string.sub(name, 1, 4) == 'key:' then
                text = call('HGET', prefix .. 'limits', 'key:*') or '1 - - - 1'
            end
            local most, count, per, burst, weight = string.match(text or '', '^(%S+) (%S+) (%S+) (%S+) (%S+)$')
            limits_seen[name] = weight
                and {most = tonumber(most), count = tonumber(count), per = tonumber(per), burst = tonumber(burst), weight = tonumber(weight)}
        end
        return limits_seen[name]
    end

    -- Tokens in the bucket now. A clock that went back adds none.
    local function tokens(prefix, name, limit, now)
        local bucket = call('HMGET', prefix .. 'rate:' .. name, 'tokens', 'at')
        if not bucket[1] then
            return limit.burst
        end
        return math.min(limit.burst, tonumber(bucket[1]) + math.max(0, now - tonumber(bucket[2])) * limit.count / limit.per)
    end

    -- How many more jobs may start now under a limit.
    local function room(prefix, name)
        local limit = limit_of(prefix, name)
        if not limit then
            return math.huge
        end
        local free = limit.most and limit.most - call('ZCARD', prefix .. 'limit:' .. name) or math.huge
        return limit.count and math.min(free, math.floor(tokens(prefix, name, limit, clock()))) or free
    end

    local function has_room(prefix, name)
        return room(prefix, name) >= 1
    end

    -- How long until there may be room, in ms. Where only a freed permit makes room, whoever frees it looks at once: then rarely.
    local function room_in(prefix, name)
        local limit = limit_of(prefix, name)
        if limit and limit.most and call('ZCARD', prefix .. 'limit:' .. name) >= limit.most then
            return 1000
        end
        return limit and limit.count and math.max(0, math.ceil((1 - tokens(prefix, name, limit, clock())) * limit.per / limit.count)) or 0
    end

    -- Somebody waits for a limit. A look that is due before stays so.
    local function list(prefix, name)
        local wait = room_in(prefix, name)
        call('ZADD', prefix .. 'parked', 'LT', wait > 0 and clock() + wait or 0, name)
    end

    local function take_permit(prefix, name, id)
        local limit = limit_of(prefix, name)
        if not limit then
            return false
        end
        local now = clock()
        if limit.count then
            local left = tokens(prefix, name, limit, now) - 1
            call('HSET', prefix .. 'rate:' .. name, 'tokens', left, 'at', now)
            call('PEXPIRE', prefix .. 'rate:' .. name, math.ceil(limit.burst * limit.per / limit.count) + 60000)
        end
        if limit.most then
            call('SADD', prefix .. 'permitted', name)
            call('ZADD', prefix .. 'limit:' .. name, now, id)
        end
        return limit.most ~= nil
    end

    -- Lanes and turns. A key's turn comes by its virtual time, which grows by 1 / weight with every job served; `<stream>:times` remembers it
    -- while the key is not in `<stream>:turns`, and under the empty name the time of the stream itself: nobody is owed turns from the past.
    local function enter_turns(stream, key)
        local times = call('HMGET', stream .. ':times', '@' .. key, '')
        call('ZADD', stream .. ':turns', 'NX', math.max(tonumber(times[1] or 0), tonumber(times[2] or 0)), key)
    end

    -- A stream that is never idle would remember every key it ever saw: two are looked at for each that leaves, and those go that the time of
    -- the stream has overtaken.
    local function forget_times(stream)
        local times = stream .. ':times'
        if call('HLEN', times) < 1000 then
            return
        end
        local now = tonumber(call('HGET', times, '') or 0)
        local some = call('HRANDFIELD', times, 2, 'WITHVALUES')
        for i = 1, #some, 2 do
            if string.sub(some[i], 1, 1) == '@' and tonumber(some[i + 1]) <= now then
                call('HDEL', times, some[i])
            end
        end
    end

    local function leave_turns(prefix, stream, key, time)
        call('HSET', stream .. ':times', '@' .. key, time)
        call('ZREM', stream .. ':turns', key)
        if call('EXISTS', stream .. ':lane:' .. key) == 0 then
            call('SREM', prefix .. 'lanes:' .. key, stream)
        end
        if call('EXISTS', stream .. ':turns') == 0 and (tonumber(call('HGET', stream .. ':times', '-') or 0)) <= 0 then
            call('UNLINK', stream .. ':times') -- nobody waits: nothing to remember
        else
            forget_times(stream)
        end
    end

    local function add_to_lane(prefix, stream, key, id)
        call('HINCRBY', stream .. ':times', '-', 1)
        call('ZADD', stream .. ':lane:' .. key, call('HINCRBY', stream .. ':times', '#', 1), id) -- in the order of arrival
        call('SADD', prefix .. 'lanes:' .. key, stream)
    end

    local function remove_from_lane(stream, key, id)
        if call('ZREM', stream .. ':lane:' .. key, id) == 1 then
            call('HINCRBY', stream .. ':times', '-', -1)
        end
    end

    local function add_ticket(stream, key, id, kind)
        call('XADD', stream, '*', 'job_id', id, 'kind', kind, 'key', key)
        call('HINCRBY', stream .. ':times', '+', 1)
    end

    -- A job with a concurrency key waits in its lane, with a ticket on the stream. Returns its place for the hash.
    local function put_in_lane(prefix, id, queue, level, kind, key)
        local stream = stream_of(prefix, queue, level)
        add_ticket(stream, key, id, kind)
        add_to_lane(prefix, stream, key, id)
        if has_room(prefix, 'key:' .. key) then
            enter_turns(stream, key)
        end
        return 'lane:' .. level
    end

    -- A key has room again: it takes part in the turns, with tickets for as many jobs as may run.
    local function wake_key(prefix, key)
        local limit = limit_of(prefix, 'key:' .. key)
        local free = math.min(room(prefix, 'key:' .. key), 1000)
        local left = false
        for _, stream in ipairs(call('SMEMBERS', prefix .. 'lanes:' .. key)) do
            local ids = free >= 1 and call('ZRANGE', stream .. ':lane:' .. key, 0, free - 1) or {}
            local counts = ids[1] and call('HMGET', stream .. ':times', '+', '-') or {}
            for i = 1, math.min(#ids, tonumber(counts[2] or 0) - tonumber(counts[1] or 0)) do
                add_ticket(stream, key, ids[i], '')
            end
            if ids[1] then
                enter_turns(stream, key)
                left = true
            elseif call('EXISTS', stream .. ':lane:' .. key) == 1 then
                left = true
            else
                call('SREM', prefix .. 'lanes:' .. key, stream)
            end
        end
        -- Time alone makes room under a rate. A key that has tickets for its room is listed again by who takes one.
        call('ZREM', prefix .. 'parked', 'key:' .. key)
        if left and free < 1 and limit and limit.count then
            list(prefix, 'key:' .. key)
        end
    end

    -- A parked job whose key is at its limit goes back to the head of its lane: it must not sit on a permit that others could use.
    local function return_to_lane(prefix, id, queue, level, key, score)
        local stream = stream_of(prefix, queue, level)
        call('HINCRBY', stream .. ':times', '-', 1)
        call('ZADD', stream .. ':lane:' .. key, score - 1e13, id) -- they keep the order in which they were parked
        call('SADD', prefix .. 'lanes:' .. key, stream)
        if limit_of(prefix, 'key:' .. key).count then
            list(prefix, 'key:' .. key)
        end
        return 'lane:' .. level
    end

    -- True: it is queued, with its permits.
    local function wake_parked(prefix, name, id, job, state, score)
        local suspect, key = state[6] == '1', state[5]
        if key and not has_room(prefix, 'key:' .. key) then
            local level = suspect and 'suspect' or level_of_priority(state[7])
            call('HSET', job, 'entry', return_to_lane(prefix, id, state[3], level, key, score))
            return false
        end
        local level = suspect and 'suspect' or 'urgent'
        local entry = call('XADD', stream_of(prefix, state[3], level), '*', 'job_id', id, 'kind', state[4])
        local permits = {take_permit(prefix, name, id) and name or nil}
        if key and take_permit(prefix, 'key:' .. key, id) then
            permits[#permits + 1] = 'key:' .. key
        end
        call('HSET', job, 'entry', place(level, entry), 'permits', table.concat(permits, ' '), 'woken', name)
        return true
    end

    -- Queues parked jobs of a queue's or kind's limit while there is room, at most so many, and lets each keep its permits: nobody can take them
    -- away meanwhile. Parked jobs were claimed before what waits, so they go in front. Returns how many were looked at.
    local function wake(prefix, name, most)
        if string.sub(name, 1, 4) == 'key:' then
            wake_key(prefix, string.sub(name, 5))
            return 1
        end
        local parked = prefix .. 'parked:' .. name
        local looked, woken = 0, 0
        while woken < most and looked < 100 do
            local head = has_room(prefix, name) and call('ZRANGE', parked, 0, 0, 'WITHSCORES') or {}
            local id = head[1]
            if not id then
                break
            end
            looked = looked + 1
            local job = prefix .. 'job:' .. id
            local state = fields_of(job, 'status', 'entry', 'queue', 'kind', 'concurrency_key', 'suspect', 'priority')
            if state[1] == 'queued' and state[2] == 'parked:' .. name then
                woken = woken + (wake_parked(prefix, name, id, job, state, head[2]) and 1 or 0)
            end
            call('ZREM', parked, id)
        end
        call('ZREM', prefix .. 'parked', name)
        if call('EXISTS', parked) == 1 then
            list(prefix, name)
        end
        return looked
    end

    -- Wakes who waits for limits that are due to be looked at: some of them, so that Redis is held for a few ms at most.
    -- Returns when the next look is due, nil when nobody waits.
    local function wake_due(prefix)
        local looked = 0
        for _, name in ipairs(call('ZRANGEBYSCORE', prefix .. 'parked', '-inf', clock(), 'LIMIT', 0, 100)) do
            looked = looked + wake(prefix, name, 100)
            if looked >= 200 then
                break
            end
        end
        return tonumber(call('ZRANGE', prefix .. 'parked', 0, 0, 'WITHSCORES')[2])
    end

    -- Gives back every permit of a job and queues who waited for them. The job's own fields are its caller's business.
    local function give_back(prefix, id, permits)
        for name in string.gmatch(permits, '%S+') do
            if call('ZREM', prefix .. 'limit:' .. name, id) == 1 then
                if call('EXISTS', prefix .. 'limit:' .. name) == 0 then
                    call('SREM', prefix .. 'permitted', name)
                end
                wake(prefix, name, 5) -- one, but for a limit that was raised: then it is listed, and the rest is woken in portions
            end
        end
    end

    -- Takes a queued job out of where it waits, but for its stream entry: that stays, and a claim skips it.
    local function take_out(prefix, id, state)
        local limit = string.match(state.entry or '', '^parked:(.+)$')
        local level = string.match(state.entry or '', '^lane:(%l*)$')
        if limit then
            call('ZREM', prefix .. 'parked:' .. limit, id)
        elseif level and state.key then
            local stream = stream_of(prefix, state.queue, level)
            remove_from_lane(stream, state.key, id)
            local time = call('EXISTS', stream .. ':lane:' .. state.key) == 0 and call('ZSCORE', stream .. ':turns', state.key)
            if time then
                leave_turns(prefix, stream, state.key, time) -- its ticket may be lost, and nobody else would take it out
            end
        end
        give_back(prefix, id, state.permits or '')
    end
    return {
        limit_of = limit_of, has_room = has_room, list = list, take_permit = take_permit, leave_turns = leave_turns,
        remove_from_lane = remove_from_lane, add_ticket = add_ticket, put_in_lane = put_in_lane, wake_key = wake_key, wake = wake, wake_due = wake_due, give_back = give_back,
        take_out = take_out}
end

local limits_made
local function limits()
    limits_made = limits_made or make_limits()
    return limits_made
end

-- Where a job waits for a worker: on its stream, or in its key's lane. Returns its place for the hash.
local function put(prefix, id, queue, level, kind, key)
    if key then
        return limits().put_in_lane(prefix, id, queue, level, kind, key)
    end
    return place(level, call('XADD', stream_of(prefix, queue, level), '*', 'job_id', id, 'kind', kind))
end

-- Gives back every permit of a job and queues who waited for them. The job's own fields are its caller's business.
local function give_back(prefix, id, permits)
    if permits and permits ~= '' then
        limits().give_back(prefix, id, permits)
    end
end

local function free_unique(prefix, unique, id)
    if unique and call('GET', prefix .. 'unique:' .. unique) == id then
        call('DEL', prefix .. 'unique:' .. unique)
    end
end
