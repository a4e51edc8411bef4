#!lua flags=allow-oom
-- Ends a live job as its row in SQL says: its end was recorded there, and never came here. Its lease stays, so that a late settlement is answered.
-- KEYS    1 job hash   2 active   3 scheduled
-- ARGV    1 job id   2 status   3 ended at, ms   4 retention ms   5 event   6 result JSON or error   7 error type
-- Returns 1 closed   0 it has ended here too, or is gone
local prefix = prefix_of(KEYS[1], 'job:' .. ARGV[1])
local state = call('HMGET', KEYS[1], 'status', 'queue', 'entry', 'concurrency_key', 'permits', 'unique', 'unique_span')
if not state[1] or terminal(state[1]) then
    return 0
end
unfold(KEYS[1])
if ARGV[2] == 'completed' then
    call('HSET', KEYS[1], 'status', ARGV[2], 'result', ARGV[6], 'completed_at', ARGV[3], 'permits', '')
else
    call('HSET', KEYS[1], 'status', ARGV[2], 'error', ARGV[6], 'error_type', ARGV[7], 'permits', '',
        ARGV[2] == 'failed' and 'failed_at' or 'completed_at', ARGV[3])
end
if ARGV[2] == 'failed' then
    call('ZADD', prefix .. 'dead', ARGV[3], ARGV[1])
end
call('HINCRBY', prefix .. 'stats:' .. state[2], ARGV[2], 1)
tell_end(KEYS[1], ARGV[5])
expire(KEYS[1], ARGV[4]) -- before it leaves the live jobs: repair finds what a cut leaves without an end
the_parked().take_out(prefix, ARGV[1], {entry = state[3], queue = state[2], key = state[4], permits = state[5]})
if state[7] == 'active' or state[7] == 'queued' then
    free_unique(prefix, state[6], ARGV[1])
end
call('ZREM', KEYS[3], ARGV[1])
call('ZREM', KEYS[2], ARGV[1])
local level, entry = string.match(state[3] or '', '^(%l*):?(%d+%-%d+)$')
if state[1] == 'processing' and entry then
    local stream = stream_of(prefix, state[2], level)
    call('HDEL', stream .. ':served', entry)
    discard(stream, entry)
end
return 1
