#!lua flags=allow-oom
-- Ends attempts, each if it still holds its job. The new state comes before the ACK: a terminal job that is still pending is only ACKed.
-- KEYS    1 active   2… streams of the entries
-- ARGV    1 now ms   2 now as RFC 3339   3 retention ms   4… runs of attempts that have these in common: number of the stream, lease, how many;
--         then id, entry and result as JSON of each, which completed. Any other is alone in its run, with its status for how many, and after its id
--         and entry: error, `due ms|due as RFC 3339|uncharged|error type`
-- Returns how many, when all were settled; otherwise for each 1 settled, also when this lease settled before   0 lost: another attempt holds the
--         job, or it is gone
local prefix = prefix_of(KEYS[1], 'active')
local jobs = prefix .. 'job:'
local replies, settled, ended, buried, counters = {}, 0, {}, {}, {}
local channels, ends = {}, {} -- of the jobs that have ended: who hears of it is asked once for all
local numbers, attempts = {}, {} -- of the last event, and of the attempt, where they are not 3 and 1
local spent = {}

local until_ms = string.format('%d', clock() + ARGV[3]) -- as text: Redis formats a number anew in every call, at a microsecond
local completed_tail = ',"status":"completed","timestamp":"' .. ARGV[2] .. '"}'

local function count(stream, counter, number)
    counters[stream] = counters[stream] or {}
    counters[stream][counter] = (counters[stream][counter] or 0) + number
end

local function queue_of(stream)
    return string.match(string.sub(stream, #prefix + 1), '^(.*)_jobs')
end

local function attempt_of(lease)
    return string.match(lease, ':(%d+)$')
end

-- What follows from a terminal state. The job expires before it leaves the live ones: repair finds what a cut leaves without an end.
-- `told` is nil for a plain job: it has neither log nor steps, and its lease and its end say what was told. PEXPIREAT costs half of PEXPIRE.
-- `body` is the event without its number, or the place in ARGV of the result of a job that completed.
local function finish(job, id, told, body)
    if told then
        call('PEXPIREAT', job .. ':log', until_ms)
        call('PEXPIREAT', job .. ':steps', until_ms)
    end
    call('PEXPIREAT', job, until_ms)
    local n = #ended + 1
    ended[n], channels[n], ends[n] = id, job .. ':events', body
    numbers[n] = told and told + 1
end

-- What only attempts need that did not just complete a plain job; made when the first one comes.
local function make_rare()
    -- prelude
    -- The event of an end that is not a completion, or of a pause; keys in their order.
    local function event_of(attempt, status, result, error_type, at)
        local why = status == 'queued' and '' or '"error":' .. cjson.encode(result) .. ',"error_type":' .. cjson.encode(error_type) .. ','
        local name = status == 'scheduled' and 'retrying' or status
        local due = status == 'scheduled' and '"scheduled_at":"' .. at .. '",' or ''
        return '"attempt":' .. attempt .. ',' .. why .. '"event":"' .. name .. '",' .. due .. '"status":"' .. status .. '","timestamp":"' .. ARGV[2] .. '"}'
    end

    local function fail(job, id, told, status, result, error_type)
        local last = told and {'seq', told} or {}
        call('HSET', job, 'status', status, 'error', result, 'error_type', error_type, status == 'failed' and 'failed_at' or 'completed_at', ARGV[1],
            unpack(last))
        if status == 'failed' then
            buried[#buried + 1] = ARGV[1]
            buried[#buried + 1] = id
        end
    end

    -- Back to the schedule or to the front of the queue.
    local function go_on(job, id, stream, status, result, error_type, due, uncharged, body)
        if status == 'scheduled' then
            call('ZADD', prefix .. 'scheduled', due, id)
            -- One that was charged ended by itself: its worker lives.
            call('HSET', job, 'status', status, 'entry', '', 'error', result, 'error_type', error_type, 'scheduled_at', due, 'permits', '',
                unpack(uncharged == '' and {'suspect', '0', 'crashes', '0'} or {'uncharged', uncharged}))
        else
            local level = level_of(stream) == 'suspect' and 'suspect' or 'urgent'
            local state = call('HMGET', job, 'kind', 'concurrency_key')
            local entry = put(prefix, id, queue_of(stream), level, state[1], state[2])
            call('HSET', job, 'status', status, 'entry', entry, 'uncharged', uncharged, 'permits', '')
        end
        tell(job, body)
    end

    -- An attempt that did not complete.
    local function stop(job, id, lease, stream, told, status, result, rest)
        local due, at, uncharged, error_type = string.match(rest, '^(.-)|(.-)|(.-)|(.*)$')
        local body = event_of(attempt_of(lease), status, result, error_type, at)
        if terminal(status) then
            count(stream, status, 1)
            fail(job, id, told, status, result, error_type)
            finish(job, id, told, body)
        else
            count(stream, status == 'scheduled' and 'retried' or 'handed_back', 1)
            if not told then
                unfold(job)
            end
            go_on(job, id, stream, status, result, error_type, due, uncharged, body)
        end
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

    -- An attempt that does not hold its job.
    local function miss(id, lease, stream, entry, state)
        if state[1] == lease and state[2] then
            return 1 -- only its own settlement leaves a lease on a job that does not run
        elseif unmarked(call('HGET', jobs .. id, 'entry')) ~= place(level_of(stream), entry) then -- also when the job is gone
            call('HDEL', stream .. ':served', entry)
            local gone = spent[stream]
            gone[#gone + 1] = entry
        end
        return 0
    end

    -- An attempt that holds its job; `at` is where its entry is in ARGV, `status` is nil when it completed.
    local function settle(at, id, lease, stream, entry, state, status)
        local job = jobs .. id
        local told = state[3] and tonumber(call('HGET', job, 'seq') or '0') + 1
        local free = state[3] and let_go(job, id, stream, entry, status ~= 'scheduled' and status ~= 'queued')
        if status then
            stop(job, id, lease, stream, told, status, ARGV[at + 1], ARGV[at + 2])
        else
            count(stream, 'completed', 1)
            call('HSET', job, 'status', 'completed', 'result', ARGV[at + 1], 'completed_at', ARGV[1], 'seq', told)
            finish(job, id, told, at + 1)
            attempts[#ended] = attempt_of(lease)
        end
        if free then
            free()
        end
        local gone = spent[stream]
        gone[#gone + 1] = entry
        return 1
    end

    return {miss = miss, settle = settle}
end

local rare_made
local function rare()
    rare_made = rare_made or make_rare()
    return rare_made
end

for i = 2, #KEYS do
    spent[KEYS[i]] = {}
end
local at = 4
while ARGV[at] do
    local stream, lease, count_or_status = KEYS[tonumber(ARGV[at])], ARGV[at + 1], ARGV[at + 2]
    local many = tonumber(count_or_status)
    local gone, completed = spent[stream], 0
    at = at + 3
    for _ = 1, many or 1 do
        local id, entry = ARGV[at], ARGV[at + 1]
        local job = jobs .. id
        local state = call('HMGET', job, 'lease', 'status', 'attempt')
        if state[1] ~= lease or state[2] ~= 'processing' then
            replies[#replies + 1] = rare().miss(id, lease, stream, entry, state)
        elseif state[3] or not many then
            replies[#replies + 1] = rare().settle(at + 1, id, lease, stream, entry, state, not many and count_or_status or nil)
        else
            call('HSET', job, 'status', 'completed', 'result', ARGV[at + 2], 'completed_at', ARGV[1])
            finish(job, id, nil, at + 2)
            completed = completed + 1
            gone[#gone + 1] = entry
            replies[#replies + 1] = 1
        end
        settled = settled + replies[#replies]
        at = at + 3
    end
    at = many and at or at + 1
    if completed > 0 then
        count(stream, 'completed', completed)
    end
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
tell_all(channels, function(n)
    local body = ends[n]
    if tonumber(body) then
        body = '"attempt":' .. (attempts[n] or 1) .. ',"event":"completed","progress":100,"result":' .. ARGV[body] .. completed_tail
    end
    return '{"seq":' .. (numbers[n] or 3) .. ',' .. body
end)
if ended[1] then
    call('ZREM', KEYS[1], unpack(ended))
end
for stream, entries in pairs(spent) do
    if entries[1] then
        discard(stream, unpack(entries))
    end
end
return settled == #replies and settled or replies
