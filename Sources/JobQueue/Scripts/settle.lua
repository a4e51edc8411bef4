#!lua flags=allow-oom
-- Ends attempts, each if it still holds its job. The new state comes before the ACK: a terminal job that is still pending is only ACKed.
-- KEYS    1 active   2… streams of the entries
-- ARGV    1 now ms   2 now as RFC 3339   3 retention ms   4… for each attempt: id, lease, entry, which stream (2…), new status, result JSON or error,
--         the rest: '' when completed, else `due ms|due as RFC 3339|uncharged|error type`
-- Returns for each 1 settled, also when this lease settled before   0 lost: another attempt holds the job, or it is gone
local prefix = prefix_of(KEYS[1], 'active')
local replies, ended, buried, counters = {}, {}, {}, {}
local spent = {}

local until_ms = clock() + ARGV[3]
local completed_tail = ',"status":"completed","timestamp":"' .. ARGV[2] .. '"}'

local function count(stream, counter)
    counters[stream] = counters[stream] or {}
    counters[stream][counter] = (counters[stream][counter] or 0) + 1
end

local function queue_of(stream)
    return string.match(string.sub(stream, #prefix + 1), '^(.*)_jobs')
end

-- The event of an end that is not a completion, or of a pause; keys in their order.
local function event_of(attempt, status, result, error_type, at)
    local why = status == 'queued' and '' or '"error":' .. cjson.encode(result) .. ',"error_type":' .. cjson.encode(error_type) .. ','
    local name = status == 'scheduled' and 'retrying' or status
    local due = status == 'scheduled' and '"scheduled_at":"' .. at .. '",' or ''
    return '"attempt":' .. attempt .. ',' .. why .. '"event":"' .. name .. '",' .. due .. '"status":"' .. status .. '","timestamp":"' .. ARGV[2] .. '"}'
end

-- The terminal state, then what follows from it.
local function finish(job, id, status, result, error_type, told, body)
    if status == 'completed' then
        call('HSET', job, 'status', status, 'result', result, 'completed_at', ARGV[1], 'seq', told)
    else
        call('HSET', job, 'status', status, 'error', result, 'error_type', error_type, status == 'failed' and 'failed_at' or 'completed_at', ARGV[1],
            'seq', told)
        if status == 'failed' then
            buried[#buried + 1] = ARGV[1]
            buried[#buried + 1] = id
        end
    end
    -- Before it leaves the live jobs: repair finds what a cut leaves without an end. Log and steps also of a job that has none: what a torn file
    -- gives back at a second start may make them. PEXPIREAT costs half of PEXPIRE.
    for _, key in ipairs({job .. ':log', job .. ':steps', job}) do
        call('PEXPIREAT', key, until_ms)
    end
    call('PUBLISH', job .. ':events', '{"seq":' .. told + 1 .. ',' .. body)
    ended[#ended + 1] = id
end

-- Back to the schedule or to the front of the queue.
local function go_on(job, id, stream, status, result, error_type, due, uncharged, body)
    if status == 'scheduled' then
        call('ZADD', prefix .. 'scheduled', due, id)
        call('HSET', job, 'status', status, 'entry', '', 'error', result, 'error_type', error_type, 'scheduled_at', due, 'suspect', '0',
            'crashes', '0', 'permits', '', 'more', '1')
    else
        local level = level_of(stream) == 'suspect' and 'suspect' or 'urgent'
        local state = call('HMGET', job, 'kind', 'concurrency_key')
        local entry = put(prefix, id, queue_of(stream), level, state[1], state[2])
        call('HSET', job, 'status', status, 'entry', entry, 'uncharged', uncharged, 'permits', '', 'more', '1')
    end
    tell(job, body)
end

-- What the attempt held beside the job itself.
local function let_go(job, id, stream, entry, is_over)
    local rest = call('HMGET', job, 'permits', 'unique', 'unique_span')
    return function()
        if is_over and (rest[3] == 'active' or rest[3] == 'queued') then
            free_unique(prefix, rest[2], id)
        end
        give_back(prefix, id, rest[1])
        if rest[1] then
            call('HDEL', stream .. ':served', entry)
        end
    end
end

local function settle(id, lease, entry, stream, status, result, rest)
    local job = prefix .. 'job:' .. id
    local state = call('HMGET', job, 'lease', 'status', 'more')
    local gone = spent[stream]
    if state[1] ~= lease or state[2] ~= 'processing' then
        if state[1] == lease and state[2] then
            return 1 -- only its own settlement leaves a lease on a job that does not run
        elseif call('HGET', job, 'entry') ~= place(level_of(stream), entry) then -- also when the job is gone
            call('HDEL', stream .. ':served', entry)
            gone[#gone + 1] = entry
        end
        return 0
    end
    local attempt = string.match(lease, '%d+$')
    local told = state[3] and tonumber(call('HGET', job, 'seq') or '0') + 1 or '2' -- a plain job has told its acceptance and its start
    local free = state[3] and let_go(job, id, stream, entry, status ~= 'scheduled' and status ~= 'queued')
    if status == 'completed' then
        count(stream, status)
        finish(job, id, status, result, '', told, '"attempt":' .. attempt .. ',"event":"completed","progress":100,"result":' .. result
            .. completed_tail)
    else
        local due, at, uncharged, error_type = string.match(rest, '^(.-)|(.-)|(.-)|(.*)$')
        local body = event_of(attempt, status, result, error_type, at)
        if terminal(status) then
            count(stream, status)
            finish(job, id, status, result, error_type, told, body)
        else
            count(stream, status == 'scheduled' and 'retried' or 'handed_back')
            go_on(job, id, stream, status, result, error_type, due, uncharged, body)
        end
    end
    if free then
        free()
    end
    gone[#gone + 1] = entry
    return 1
end

for i = 2, #KEYS do
    spent[KEYS[i]] = {}
end
for i = 4, #ARGV, 7 do
    replies[#replies + 1] = settle(ARGV[i], ARGV[i + 1], ARGV[i + 2], KEYS[tonumber(ARGV[i + 3])], ARGV[i + 4], ARGV[i + 5], ARGV[i + 6])
end
if buried[1] then
    call('ZADD', prefix .. 'dead', unpack(buried))
    local old = call('ZCOUNT', prefix .. 'dead', '-inf', ARGV[1] - ARGV[3])
    if old > 0 then
        call('ZREMRANGEBYRANK', prefix .. 'dead', 0, math.min(old, 500) - 1) -- many may grow old in one moment
    end
end
for stream, by in pairs(counters) do
    for counter, number in pairs(by) do
        call('HINCRBY', prefix .. 'stats:' .. queue_of(stream), counter, number)
    end
end
if ended[1] then
    call('ZREM', KEYS[1], unpack(ended))
end
for stream, entries in pairs(spent) do
    if entries[1] then
        discard(stream, unpack(entries))
    end
end
return replies
