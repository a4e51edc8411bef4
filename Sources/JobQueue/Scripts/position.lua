#!lua flags=no-writes
-- How many jobs will be taken before a queued one, as things stand: on the higher streams of its queue and before it on its own; of a job that
-- waits behind a limit or among those of its key, how many of them there come first. Cost: bounded; beyond so many entries before it on its
-- stream their number is told by the times of the first and the last one.
-- KEYS    1 job hash
-- ARGV    1 job id   2 how many entries are counted one by one
-- Returns {jobs before it, 1 when that is an estimate}   {} the job is not queued
local prefix = prefix_of(KEYS[1], 'job:' .. ARGV[1])
local state = fields_of(KEYS[1], 'status', 'entry', 'queue', 'concurrency_key')
if state[1] ~= 'queued' then
    return {}
end
local most = tonumber(ARGV[2])
local levels = {'suspect', 'urgent', 'high', '', 'low'}

-- Entries that no worker has taken, and the last one that was.
local function unread_of(stream)
    local groups = redis.pcall('XINFO', 'GROUPS', stream)
    local held, last = 0, '0-0'
    for _, group in ipairs(groups.err and {} or groups) do
        local facts = {}
        for i = 1, #group, 2 do
            facts[group[i]] = group[i + 1]
        end
        if facts.name == GROUP then
            held, last = facts.pending, facts['last-delivered-id']
        end
    end
    return math.max(0, call('XLEN', stream) - held), last
end

local function milliseconds(entry)
    return tonumber(string.match(entry, '^%d+'))
end

-- Of a stream with so many unread entries: those before one of them.
local function before_on(stream, entry, unread, last)
    if unread <= most then
        local rows = call('XRANGE', stream, '(' .. last, '(' .. entry, 'COUNT', most)
        return #rows, 0
    end
    local first = call('XRANGE', stream, '(' .. last, '+', 'COUNT', 1)[1]
    local final = call('XREVRANGE', stream, '+', '-', 'COUNT', 1)[1]
    if not first or final[1] == entry then
        return unread - 1, 0
    end
    local span = math.max(1, milliseconds(final[1]) - milliseconds(first[1]))
    local share = (milliseconds(entry) - milliseconds(first[1])) / span
    return math.floor(math.min(1, math.max(0, share)) * (unread - 1)), 1
end

local parked = string.match(state[2] or '', '^parked:.+$')
local lane = string.match(state[2] or '', '^lane:(%l*)$')
if parked then
    return {call('ZRANK', prefix .. parked, ARGV[1]) or 0, 0}
elseif lane then
    return {call('ZRANK', stream_of(prefix, state[3], lane) .. ':lane:' .. (state[4] or ''), ARGV[1]) or 0, 0}
end
local level, entry = string.match(unmarked(state[2]) or '', '^(%l*):?(%d+%-%d+)$')
local before = 0
for _, name in ipairs(levels) do
    local stream = stream_of(prefix, state[3], name)
    local unread, last = unread_of(stream)
    if name == level then
        local here, is_estimate = before_on(stream, entry, unread, last)
        return {before + here, is_estimate}
    elseif name ~= 'suspect' then
        before = before + unread
    end
end
return {}
