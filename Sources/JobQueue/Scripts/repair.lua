#!lua flags=allow-oom
-- Looks at live jobs and mends what a torn log or a lost key left behind: a job that is nowhere, a scheduled one without a due time,
-- a running one whose entry nobody holds, an ended one that would be kept for ever.
-- KEYS    1 active   2 scheduled
-- ARGV    1 first rank   2 how many   3 now ms   4 retention ms
-- Returns {looked at, of these still live, mended}
local prefix = prefix_of(KEYS[1], 'active')
local ids = call('ZRANGE', KEYS[1], ARGV[1], ARGV[1] + ARGV[2] - 1)
local mended, live = 0, 0
local unread, asked = {}, {}

-- Entries of a stream that no worker has taken.
local function unread_of(stream)
    if not unread[stream] then
        local pending = redis.pcall('XPENDING', stream, GROUP)
        unread[stream] = call('XLEN', stream) - (pending.err and 0 or pending[1])
    end
    return unread[stream]
end

-- The stream and number of the entry that a job's place names.
local function entry_of(state)
    local level, entry = string.match(unmarked(state.entry), '^(%l*):?(%d+%-%d+)$')
    return stream_of(prefix, state.queue, level or ''), entry
end

local function requeue(job, id, state, level)
    local stream, lost = entry_of(state)
    if lost then
        call('HDEL', stream .. ':served', lost) -- nobody will settle it
    end
    unfold(job)
    local entry = put(prefix, id, state.queue, level, state.kind, state.key)
    call('HSET', job, 'status', 'queued', 'entry', entry, 'lease', '', 'permits', '')
    call('HDEL', job, 'woken')
    give_back(prefix, id, state.permits)
    mended = mended + 1
end

local function has_entry(state)
    local stream, entry = entry_of(state)
    return entry and #call('XRANGE', stream, entry, entry) == 1
end

local function is_held(state)
    local stream, entry = entry_of(state)
    return has_entry(state) and #redis.pcall('XPENDING', stream, GROUP, entry, entry, 1) == 1
end

-- The entry of a running job, or another one where it is lost, is pending for its worker: if that is dead or dies, recovery begins there, as it
-- always does. Its settlement asks for the lease alone; what it leaves of another entry goes when somebody reads it, or
-- when its worker looks at what it holds.
local function hold_again(job, id, state, holder)
    local stream, entry = entry_of(state)
    redis.pcall('XGROUP', 'CREATE', stream, GROUP, '0', 'MKSTREAM')
    if has_entry(state) then
        give_to_holder(stream, entry, holder, 'FORCE')
    else
        local fresh = call('XADD', stream, '*', 'job_id', id, 'kind', state.kind)
        give_to_holder(stream, fresh, holder, 'FORCE')
        call('HSET', job, 'entry', place(level_of(stream), fresh))
        call('HDEL', stream .. ':served', entry or '')
    end
    mended = mended + 1
end

-- A ticket more for a lane: others may be lost among what is unread. Not again before this one was taken, so there are never many of them.
local function give_ticket(stream, key, id, kind)
    local last = call('HGET', stream .. ':times', '!')
    if asked[stream] or not last or #call('XRANGE', stream, last, last) == 0 then
        asked[stream] = asked[stream] or {}
        if not asked[stream][key] then
            asked[stream][key] = true
            call('HSET', stream .. ':times', '!', the_lanes().add_ticket(stream, key, id, kind))
        end
    end
end

-- A job in a lane needs its membership; when its key may run, its turn; and a ticket, or that the limit of its queue knows of it.
local function look_in_lane(job, id, state, level)
    local stream = stream_of(prefix, state.queue, level)
    if not call('ZSCORE', stream .. ':lane:' .. state.key, id) then
        return requeue(job, id, state, level)
    elseif not the_permits().has_room(prefix, 'key:' .. state.key) then
        return
    end
    call('SADD', prefix .. 'lanes:' .. state.key, stream)
    the_lanes().enter_turns(stream, state.key)
    if the_permits().limit_of(prefix, 'queue:' .. state.queue) then
        the_parked().list_lanes(prefix, state.queue, level)
    elseif unread_of(stream) <= 0 then
        call('HSET', stream .. ':times', '+', 0)
        the_lanes().wake_key(prefix, state.key)
        unread[stream] = 1
        mended = mended + 1
    else
        give_ticket(stream, state.key, id, state.kind)
    end
end

local function look_at_queued(job, id, state)
    local lane = string.match(state.entry, '^lane:(%l*)$')
    local place = string.match(state.entry, '^parked:(.+)$')
    local usual = state.suspect == '1' and 'suspect' or level_of_priority(state.priority)
    if lane and state.key then
        look_in_lane(job, id, state, lane)
    elseif place and call('ZSCORE', prefix .. 'parked:' .. place, id) then
        the_parked().list_place(prefix, place)
    elseif place then
        requeue(job, id, state, usual)
    elseif state.entry == '' or not has_entry(state) then
        requeue(job, id, state, usual)
    end
end

-- What follows a terminal state, once more: a cut may have come right after it.
local function bury(job, id, state)
    if state.status == 'failed' then
        call('ZADD', prefix .. 'dead', 'NX', ARGV[3], id)
    end
    free_unique(prefix, call('HGET', job, 'unique_span') ~= 'window' and call('HGET', job, 'unique'), id)
    give_back(prefix, id, state.permits)
    if call('PTTL', job) == -1 then
        expire(job, ARGV[4])
    end
end

local function look_at(id)
    local job = prefix .. 'job:' .. id
    local values = fields_of(job, 'status', 'entry', 'queue', 'kind', 'priority', 'lease', 'scheduled_at', 'concurrency_key', 'permits',
        'suspect')
    local state = {
        status = values[1], entry = values[2] or '', queue = values[3], kind = values[4], priority = values[5], lease = values[6],
        due = values[7], key = values[8], permits = values[9], suspect = values[10]}
    if not state.status or not state.queue or terminal(state.status) then
        if state.status then
            bury(job, id, state)
        end
        call('ZREM', KEYS[1], id)
        return
    end
    live = live + 1
    if state.status == 'queued' then
        look_at_queued(job, id, state)
    elseif state.status == 'processing' and not is_held(state) then
        local holder = holder_of(state.lease)
        if holder then
            hold_again(job, id, state, holder)
        else
            requeue(job, id, state, level_of_priority(state.priority))
        end
    elseif state.status == 'scheduled' and not call('ZSCORE', KEYS[2], id) then
        call('ZADD', KEYS[2], state.due or ARGV[3], id)
        mended = mended + 1
    end
end

for _, id in ipairs(ids) do
    look_at(id)
end
return {#ids, live, mended}
