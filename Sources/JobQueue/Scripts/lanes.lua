-- Put behind limits.lua: the turns of concurrency keys.
--
-- Jobs with a concurrency key wait in lanes, one a key and stream; their stream entries are tickets: who takes one gets the job of the key
-- whose turn it is. There are at least as many tickets as jobs that may run, so no wakeup is lost, and at most as many as jobs that wait;
-- a ticket too many is thrown away. `<stream>:times` counts both, tickets under `+`, jobs under `-`.
-- While the limit of their queue is full, their tickets go, and they are let go in their turns as permits come back: see parked.lua.

local function make_lanes(permits)
    local limit_of, room, has_room, list = permits.limit_of, permits.room, permits.has_room, permits.list

    -- A key's turn comes by its virtual time, which grows by 1 / weight with every job served; `<stream>:times` remembers it
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

    -- Returns its entry.
    local function add_ticket(stream, key, id, kind)
        local entry = call('XADD', stream, '*', 'job_id', id, 'kind', kind, 'key', key)
        call('HINCRBY', stream .. ':times', '+', 1)
        return entry
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

    -- Time alone makes room under a rate: somebody must look at the key again as long as it has jobs.
    local function list_rate(prefix, key)
        local limit = limit_of(prefix, 'key:' .. key)
        if limit and limit.count then
            list(prefix, 'key:' .. key)
        end
    end

    -- Whose turn it is on a stream: job id, key and its time; nothing when every key is at its limit, or `most` keys that may not run were
    -- looked at. How many were is the last value.
    local function next_in_turn(prefix, stream, most)
        local looked = 0
        while looked < most do
            local head = call('ZRANGE', stream .. ':turns', 0, 0, 'WITHSCORES')
            if not head[1] then
                break
            end
            local key, time = head[1], tonumber(head[2])
            local id = call('ZRANGE', stream .. ':lane:' .. key, 0, 0)[1]
            if id and has_room(prefix, 'key:' .. key) then
                return id, key, time, looked
            end
            looked = looked + 1
            leave_turns(prefix, stream, key, time)
            if id then
                list_rate(prefix, key)
            end
        end
        return nil, nil, nil, looked
    end

    -- The job at the head of a lane leaves it. If it did wait there (others are leftovers of a cut), this was its key's turn.
    local function end_turn(prefix, stream, key, id, time, did_wait)
        remove_from_lane(stream, key, id)
        if did_wait then
            local limit = limit_of(prefix, 'key:' .. key)
            time = time + 1 / (limit and limit.weight or 1)
            call('HSET', stream .. ':times', '', time)
        end
        local has_more = call('EXISTS', stream .. ':lane:' .. key) == 1
        if has_more and has_room(prefix, 'key:' .. key) then
            call('ZADD', stream .. ':turns', time, key)
        else
            leave_turns(prefix, stream, key, time)
        end
        if has_more then
            list_rate(prefix, key)
        end
    end

    -- A parked job whose key is at its limit goes back to the head of its lane: it must not sit on a permit that others could use.
    local function return_to_lane(prefix, id, queue, level, key, score)
        local stream = stream_of(prefix, queue, level)
        call('HINCRBY', stream .. ':times', '-', 1)
        call('ZADD', stream .. ':lane:' .. key, score - 1e13, id) -- they keep the order in which they were parked
        call('SADD', prefix .. 'lanes:' .. key, stream)
        list_rate(prefix, key)
        return 'lane:' .. level
    end

    return {
        enter_turns = enter_turns, leave_turns = leave_turns, remove_from_lane = remove_from_lane, add_ticket = add_ticket,
        put_in_lane = put_in_lane, wake_key = wake_key, next_in_turn = next_in_turn, end_turn = end_turn, return_to_lane = return_to_lane}
end

local lanes_made
local function the_lanes()
    lanes_made = lanes_made or make_lanes(the_permits())
    return lanes_made
end

