#!lua flags=allow-oom
-- Opens a new series of attempts of a job that failed or was cancelled. Entry first, then the hash: cut anywhere, it can be repeated.
-- KEYS    1 job hash   2 active   3 dead
-- ARGV    1 job id   2 now as RFC 3339   3 the event that ended it, without its number   4 priority
-- Returns 1 queued   0 Redis does not know the job   2 it has not failed
local prefix = prefix_of(KEYS[1], 'job:' .. ARGV[1])
local status = fields_of(KEYS[1], 'status')[1]
if not status then
    return 0
elseif status ~= 'failed' and status ~= 'cancelled' then
    return 2
end
unfold(KEYS[1])
local state = call('HMGET', KEYS[1], 'status', 'queue', 'kind', 'concurrency_key', 'created_at', 'attempt', 'seq', 'unique', 'unique_span')
call('ZADD', KEYS[2], state[5] or 0, ARGV[1]) -- before all else: repair ends again what a cut leaves half open
for _, key in ipairs({KEYS[1], KEYS[1] .. ':log', KEYS[1] .. ':steps'}) do
    call('PERSIST', key)
end
local before = call('HGET', KEYS[1], 'event')
if before then
    keep_told(KEYS[1], before)
end
call('HSET', KEYS[1], 'event', '{"seq":' .. (state[7] or 0) + 1 .. ',' .. ARGV[3])
call('ZREM', KEYS[3], ARGV[1])
call('HDEL', KEYS[1], 'cancel_requested', 'permits', 'woken')
if state[8] and state[9] ~= 'window' then
    call('SET', prefix .. 'unique:' .. state[8], ARGV[1], 'NX') -- it lives again, and so does its key, unless another job has it by now
end
local entry = put(prefix, ARGV[1], state[2], level_of_priority(ARGV[4]), state[3], state[4])
call('HSET', KEYS[1], 'status', 'queued', 'entry', entry, 'lease', '', 'uncharged', state[6] or 0, 'suspect', '0', 'crashes', '0', 'more', '1')
call('HDEL', KEYS[1], 'error', 'error_type', 'failed_at', 'completed_at', 'progress', 'step', 'message')
call('HINCRBY', prefix .. 'stats:' .. state[2], 'retried', 1)
tell(KEYS[1], '"event":"retried","status":"queued","timestamp":"' .. ARGV[2] .. '"}')
return 1
