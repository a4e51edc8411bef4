#!lua flags=allow-oom
-- Ends attempts, each if it still holds its job. The new state comes before the ACK: a terminal job that is still pending is only ACKed.
-- KEYS    1 active   2… streams of the entries
-- ARGV    1 now ms   2 now as RFC 3339   3 retention ms   4… for each attempt: id, lease, entry, which stream (2…), new status, due as `ms RFC 3339`, result JSON or error, error type, uncharged
-- Returns for each 1 settled, also when this lease settled before   0 lost: another attempt holds the job, or it is gone
local prefix = prefix_of(KEYS[1], 'active')
local replies, ended, buried, counters = {}, {}, {}, {}
local spent = {}

local function count(queue, counter)
    local name = queue .. ' ' .. counter
    counters[name] = (counters[name] or 0) + 1
end

local function queue_of(stream)
    return string.match(string.sub(stream, #prefix + 1), '^(.*)_jobs')
end

-- The event's members after the attempt's number; keys in their order.
local function event_of(attempt, status, result, error_type, due)
    local middle = ''
    if status == 'completed' then
        return '"attempt":' .. attempt .. ',"event":"completed","progress":100,"result":' .. result .. ',"status":"completed","timestamp":"' .. ARGV[2] .. '"}'
    elseif status ~= 'queued' then
        middle = '"error":' .. cjson.encode(result) .. ',"error_type":' .. cjson.encode(error_type) .. ','
    end
    local name = status == 'scheduled' and 'retrying' or status
    local at = status == 'scheduled' and '"scheduled_at":"' .. string.match(due, ' (.+)$') .. '",' or ''
    return '"attempt":' .. attempt .. ',' .. middle .. '"event":"' .. name .. '",' .. at .. '"status":"' .. status .. '","timestamp":"' .. ARGV[2] .. '"}'
end

local function finish(job, id, queue, status, result, error_type, seq, more)
    if status == 'completed' then
        call('HSET', job, 'status', status, 'result', result, 'completed_at', ARGV[1])
    else
        call('HSET', job, 'status', status, 'error', result, 'error_type', error_type, status == 'failed' and 'failed_at' or 'completed_at', ARGV[1])
    end
    if more or seq > 1 then
        expire(job, ARGV[3]) -- before it leaves the live jobs: repair finds what a cut leaves without an end
    else
        call('PEXPIRE', job, ARGV[3]) -- it has neither log nor steps
    end
    ended[#ended + 1] = id
    if status == 'failed' then
        buried[#buried + 1] = ARGV[1]
        buried[#buried + 1] = id
    end
    count(queue, status)
end

-- Back to the schedule or to the front of the queue.
local function go_on(job, id, stream, queue, status, due, result, error_type, uncharged)
    if status == 'scheduled' then
        local at = string.match(due, '^%d+')
        call('ZADD', prefix .. 'scheduled', at, id)
        call('HSET', job, 'status', status, 'entry', '', 'error', result, 'error_type', error_type, 'scheduled_at', at, 'suspect', '0',
            'crashes', '0', 'permits', '', 'more', '1')
        count(queue, 'retried')
    else
        local level = level_of(stream) == 'suspect' and 'suspect' or 'urgent'
        local state = call('HMGET', job, 'kind', 'concurrency_key')
        local entry = put(prefix, id, queue, level, state[1], state[2])
        call('HSET', job, 'status', status, 'entry', entry, 'uncharged', uncharged, 'permits', '', 'more', '1')
        count(queue, 'handed_back')
    end
end

local function settle(id, lease, entry, stream, status, due, result, error_type, uncharged)
    local job = prefix .. 'job:' .. id
    local state = call('HMGET', job, 'lease', 'status', 'entry', 'seq', 'more')
    if state[1] ~= lease or state[2] ~= 'processing' then
        if state[1] == lease and state[2] then
            return 1 -- only its own settlement leaves a lease on a job that does not run
        elseif state[3] ~= place(level_of(stream), entry) then -- also when the job is gone
            call('HDEL', stream .. ':served', entry)
            spent[stream] = spent[stream] or {}
            table.insert(spent[stream], entry)
        end
        return 0
    end
    local queue = queue_of(stream)
    local rest = state[5] and call('HMGET', job, 'permits', 'unique', 'unique_span') or {}
    local body = event_of(string.match(lease, ':(%d+)$'), status, result, error_type, due)
    if terminal(status) then
        finish(job, id, queue, status, result, error_type, tonumber(state[4] or '0'), state[5])
        tell_end(job, body)
        if rest[3] == 'active' or rest[3] == 'queued' then
            free_unique(prefix, rest[2], id)
        end
    else
        go_on(job, id, stream, queue, status, due, result, error_type, uncharged)
        tell(job, body)
    end
    give_back(prefix, id, rest[1])
    if rest[1] then
        call('HDEL', stream .. ':served', entry)
    end
    spent[stream] = spent[stream] or {}
    table.insert(spent[stream], entry)
    return 1
end

for i = 4, #ARGV, 9 do
    replies[#replies + 1] = settle(ARGV[i], ARGV[i + 1], ARGV[i + 2], KEYS[tonumber(ARGV[i + 3])], ARGV[i + 4], ARGV[i + 5], ARGV[i + 6], ARGV[i + 7], ARGV[i + 8])
end
if buried[1] then
    call('ZADD', prefix .. 'dead', unpack(buried))
    local old = call('ZCOUNT', prefix .. 'dead', '-inf', ARGV[1] - ARGV[3])
    if old > 0 then
        call('ZREMRANGEBYRANK', prefix .. 'dead', 0, math.min(old, 500) - 1) -- many may grow old in one moment
    end
end
for name, by in pairs(counters) do
    local queue, counter = string.match(name, '^(.*) (%S+)$')
    call('HINCRBY', prefix .. 'stats:' .. queue, counter, by)
end
if ended[1] then
    call('ZREM', KEYS[1], unpack(ended))
end
for stream, entries in pairs(spent) do
    discard(stream, unpack(entries))
end
return replies
