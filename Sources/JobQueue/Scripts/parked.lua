-- Put behind lanes.lua: who waits for a limit of a queue or kind, and who is let go.
--
-- Jobs of a queue and kind wait at one place, the zset `parked:<queue>:<kind>`, whichever of the two limits is full: who is let go has the
-- permits of both, so nobody moves from one limit to the other. Jobs in lanes stay there while the limit of their queue is full; their place
-- is ` <level>`. The sets `behind:<limit>` name the places with somebody who needs the limit.
-- Let go is strictly by priority, then by age, and one in twenty from the lowest up: the hash `woken` counts to twenty for each limit.

local function make_parked(permits, lanes)
    local limit_of, has_room, may_wake, list, take_permit = permits.limit_of, permits.has_room, permits.may_wake, permits.list, permits.take_permit
    local next_in_turn, end_turn = lanes.next_in_turn, lanes.end_turn
    local RANK = 1e13 -- milliseconds of three centuries: the score of a parked job is its rank and its age
    local RANKS = {suspect = 0, urgent = 0, high = 1, medium = 2, [''] = 2, low = 3}
    local turns = 0
    local wake

    local function place_of(queue, kind)
        return queue .. ':' .. kind
    end

    local function limits_of(place)
        local queue, kind = string.match(place, '^(.-):(.*)$')
        return 'queue:' .. queue, 'kind:' .. kind
    end

    -- The limit that keeps jobs of a place from being let go, if there is one.
    local function barrier(prefix, place)
        local queue, kind = limits_of(place)
        return not may_wake(prefix, queue) and queue or not may_wake(prefix, kind) and kind or nil
    end

    local function names(text, name)
        return string.find(' ' .. text .. ' ', ' ' .. name .. ' ', 1, true) ~= nil
    end

    -- The limit that keeps a job from running now, if there is one; `woken` names those that have let it go.
    local function hindrance(prefix, queue, kind, woken)
        for _, limit in ipairs({'queue:' .. queue, 'kind:' .. kind}) do
            if not names(woken or '', limit) and not has_room(prefix, limit) then
                return limit
            end
        end
    end

    -- Somebody waits at a place: the limits know it, and one that bars the way is looked at again.
    local function list_place(prefix, place)
        local queue, kind = limits_of(place)
        list(prefix, barrier(prefix, place) or queue)
        call('SADD', prefix .. 'behind:' .. queue, place)
        call('SADD', prefix .. 'behind:' .. kind, place)
    end

    -- Jobs in the lanes of a stream wait for the limit of their queue.
    local function list_lanes(prefix, queue, level)
        list(prefix, 'queue:' .. queue)
        call('SADD', prefix .. 'behind:queue:' .. queue, ' ' .. level)
    end

    local function leave(prefix, limit, place)
        if call('SREM', prefix .. 'behind:' .. limit, place) == 1 and call('EXISTS', prefix .. 'behind:' .. limit) == 0 then
            call('HDEL', prefix .. 'woken', limit)
        end
    end

    local function forget_place(prefix, place)
        local queue, kind = limits_of(place)
        leave(prefix, queue, place)
        leave(prefix, kind, place)
    end

    -- Gives back every permit of a job but one that it keeps, and queues who waited for them. The job's own fields are its caller's business.
    local function give_back(prefix, id, permits, kept)
        for name in string.gmatch(permits, '%S+') do
            if name ~= kept and call('ZREM', prefix .. 'limit:' .. name, id) == 1 then
                if call('EXISTS', prefix .. 'limit:' .. name) == 0 then
                    call('SREM', prefix .. 'permitted', name)
                end
                wake(prefix, name, 5) -- one, but for a limit that was raised: then it is listed, and the rest is woken in portions
            end
        end
    end

    -- Parks a job without what it holds of other limits. Those from lanes keep the order of their turns.
    local function park(prefix, id, queue, kind, priority, created, is_from_lane, held)
        local place, job = place_of(queue, kind), prefix .. 'job:' .. id
        turns = turns + 0.01
        local time = is_from_lane and clock() + turns or tonumber(created or 0)
        list_place(prefix, place) -- first: what a cut leaves there is found
        call('ZADD', prefix .. 'parked:' .. place, (RANKS[priority or ''] or 2) * RANK + time, id)
        call('HSET', job, 'entry', 'parked:' .. place, 'permits', '', 'more', '1')
        call('HDEL', job, 'woken')
        give_back(prefix, id, held or '')
    end

    -- Queues a job in front of others with its permits: nobody can take them away meanwhile. `state` is {status, entry, queue, kind, key, suspect}.
    local function queue_woken(prefix, id, state)
        local level = state[6] == '1' and 'suspect' or 'urgent'
        local entry = call('XADD', stream_of(prefix, state[3], level), '*', 'job_id', id, 'kind', state[4])
        local held, woken = {}, {}
        for _, name in ipairs({'queue:' .. state[3], 'kind:' .. state[4]}) do
            if limit_of(prefix, name) then
                woken[#woken + 1] = name
                held[#held + 1] = take_permit(prefix, name, id) and name or nil
            end
        end
        if state[5] and take_permit(prefix, 'key:' .. state[5], id) then
            held[#held + 1] = 'key:' .. state[5]
        end
        call('HSET', prefix .. 'job:' .. id, 'entry', place(level, entry), 'permits', table.concat(held, ' '), 'woken', table.concat(woken, ' '),
            'more', '1')
    end

    -- What goes first of a place: {id, score}, of lanes also their key, its time and the level; nil when nobody waits there.
    local function head_of(prefix, limit, place, lowest)
        local level = string.match(place, '^ (.*)$')
        if level then
            local id, key, time = next_in_turn(prefix, stream_of(prefix, string.sub(limit, 7), level), 100)
            local created = id and fields_of(prefix .. 'job:' .. id, 'created_at')[1]
            return id and {id = id, key = key, time = time, level = level, score = RANKS[level] * RANK + tonumber(created or 0)}
        end
        local parked = prefix .. 'parked:' .. place
        local row = call('ZRANGE', parked, 0, 0, 'WITHSCORES')
        if lowest and row[1] then
            local last = tonumber(call('ZRANGE', parked, -1, -1, 'WITHSCORES')[2])
            row = call('ZRANGE', parked, last - last % RANK, '+inf', 'BYSCORE', 'LIMIT', 0, 1, 'WITHSCORES')
        end
        return row[1] and {id = row[1], score = tonumber(row[2])}
    end

    -- Which place behind a limit is next, and its head. `heads` remembers what was read.
    local function first_of(prefix, limit, places, heads, lowest)
        local first, first_order
        for _, place in ipairs(places) do
            local level = string.match(place, '^ (.*)$')
            if heads[place] == nil or level then -- a permit that a key has taken may change whose turn it is
                heads[place] = head_of(prefix, limit, place, lowest) or false
                if not heads[place] and not level then
                    forget_place(prefix, place)
                elseif not heads[place] and call('EXISTS', stream_of(prefix, string.sub(limit, 7), level) .. ':turns') == 0 then
                    leave(prefix, limit, place)
                end
            end
            local head = heads[place]
            local age = head and head.score % RANK
            local order = head and (lowest and 2 * age - head.score or head.score)
            if head and (not first or order < first_order) and (head.level or not barrier(prefix, place)) then
                first, first_order = place, order
            end
        end
        return first, heads[first]
    end

    -- True: it is queued, with its permits. A job whose key is at its limit goes back to its lane, one from a lane whose kind is at its limit is
    -- parked: nobody sits on a permit that others could use.
    local function let_go(prefix, limit, place, head)
        local job = prefix .. 'job:' .. head.id
        local state = fields_of(job, 'status', 'entry', 'queue', 'kind', 'concurrency_key', 'suspect', 'priority', 'created_at')
        local is_queued = false
        if head.level then
            local waits = state[1] == 'queued' and state[2] == 'lane:' .. head.level
            is_queued = waits and may_wake(prefix, 'kind:' .. state[4])
            if is_queued then
                queue_woken(prefix, head.id, state)
            elseif waits then
                park(prefix, head.id, state[3], state[4], state[7], state[8], true)
            end
            end_turn(prefix, stream_of(prefix, string.sub(limit, 7), head.level), head.key, head.id, head.time, waits)
            return is_queued
        end
        if state[1] == 'queued' and state[2] == 'parked:' .. place then
            is_queued = not state[5] or has_room(prefix, 'key:' .. state[5])
            if is_queued then
                queue_woken(prefix, head.id, state)
            else
                local level = state[6] == '1' and 'suspect' or level_of_priority(state[7])
                call('HSET', job, 'entry', lanes.return_to_lane(prefix, head.id, state[3], level, state[5], head.score % RANK))
            end
        end
        call('ZREM', prefix .. 'parked:' .. place, head.id)
        return is_queued
    end

    -- Lets jobs that wait for a limit go while there is room, at most so many. Returns how many were looked at.
    function wake(prefix, limit, most)
        if string.sub(limit, 1, 4) == 'key:' then
            lanes.wake_key(prefix, string.sub(limit, 5))
            return 1
        end
        local behind = prefix .. 'behind:' .. limit
        local places, heads = call('SMEMBERS', behind), {}
        local count = places[1] and tonumber(call('HGET', prefix .. 'woken', limit) or 0) or 0
        local looked, woken = 0, 0
        while places[1] and woken < most and looked < 100 and may_wake(prefix, limit) do
            local lowest = (count + woken + 1) % 20 == 0
            local place, head = first_of(prefix, limit, places, lowest and {} or heads, lowest)
            if not head then
                break
            end
            looked = looked + 1
            woken = woken + (let_go(prefix, limit, place, head) and 1 or 0)
            heads[place] = nil
        end
        call('ZREM', prefix .. 'parked', limit)
        local is_done = woken < most and looked < 100 and may_wake(prefix, limit)
        for _, place in ipairs(call('SMEMBERS', behind)) do
            list(prefix, is_done and string.sub(place, 1, 1) ~= ' ' and barrier(prefix, place) or limit)
        end
        if woken > 0 and call('EXISTS', behind) == 1 then
            call('HSET', prefix .. 'woken', limit, (count + woken) % 20)
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

    -- Takes a queued job out of where it waits, but for its stream entry: that stays, and a claim skips it.
    local function take_out(prefix, id, state)
        local place = string.match(state.entry or '', '^parked:(.+)$')
        local level = string.match(state.entry or '', '^lane:(%l*)$')
        if place then
            call('ZREM', prefix .. 'parked:' .. place, id)
            if call('EXISTS', prefix .. 'parked:' .. place) == 0 then
                forget_place(prefix, place)
            end
        elseif level and state.key then
            local stream = stream_of(prefix, state.queue, level)
            lanes.remove_from_lane(stream, state.key, id)
            local time = call('EXISTS', stream .. ':lane:' .. state.key) == 0 and call('ZSCORE', stream .. ':turns', state.key)
            if time then
                lanes.leave_turns(prefix, stream, state.key, time) -- its ticket may be lost, and nobody else would take it out
            end
        end
        give_back(prefix, id, state.permits or '')
    end

    return {
        names = names, hindrance = hindrance, park = park, list_place = list_place, list_lanes = list_lanes, wake = wake, wake_due = wake_due,
        give_back = give_back, take_out = take_out}
end

local parked_made
local function the_parked()
    parked_made = parked_made or make_parked(the_permits(), the_lanes())
    return parked_made
end

-- Where a job waits for a worker: on its stream, or in its key's lane. Returns its place for the hash.
local function put(prefix, id, queue, level, kind, key)
    if key then
        return the_lanes().put_in_lane(prefix, id, queue, level, kind, key)
    end
    return place(level, call('XADD', stream_of(prefix, queue, level), '*', 'job_id', id, 'kind', kind))
end

-- Gives back every permit of a job but one that it keeps, and queues who waited for them. The job's own fields are its caller's business.
local function give_back(prefix, id, permits, kept)
    if permits and permits ~= '' then
        the_parked().give_back(prefix, id, permits, kept)
    end
end

local function free_unique(prefix, unique, id)
    if unique and call('GET', prefix .. 'unique:' .. unique) == id then
        call('DEL', prefix .. 'unique:' .. unique)
    end
end
