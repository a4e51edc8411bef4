#!lua flags=allow-oom
-- Asks for a job to stop (`request`), or ends one that no worker holds (`end`). Its entry stays: a claim skips it.
-- KEYS    1 job hash   2 active   3 scheduled   4 control channel
-- ARGV    1 job id   2 request or end   3 now ms   4 retention ms   5 event   6 reason   7 the same in one word
-- Returns the status before, or 'missing'
local prefix = prefix_of(KEYS[1], 'job:' .. ARGV[1])
local state = call('HMGET', KEYS[1], 'status', 'cancel_requested', 'queue', 'entry', 'concurrency_key', 'permits', 'unique', 'unique_span')
if not state[1] then
    return 'missing'
elseif terminal(state[1]) then
    return state[1]
end
if ARGV[2] == 'request' then
    if not state[2] then
        unfold(KEYS[1])
        call('HSET', KEYS[1], 'cancel_requested', '1', 'updated_at', ARGV[3])
        tell(KEYS[1], ARGV[5])
    end
    call('PUBLISH', KEYS[4], 'cancel ' .. ARGV[1])
elseif state[1] ~= 'processing' then
    unfold(KEYS[1])
    call('HSET', KEYS[1], 'status', 'cancelled', 'error', ARGV[6], 'error_type', ARGV[7], 'completed_at', ARGV[3], 'permits', '')
    call('HINCRBY', prefix .. 'stats:' .. state[3], 'cancelled', 1)
    tell_end(KEYS[1], ARGV[5])
    expire(KEYS[1], ARGV[4]) -- before it leaves the live jobs: repair finds what a cut leaves without an end
    the_parked().take_out(prefix, ARGV[1], {entry = state[4], queue = state[3], key = state[5], permits = state[6]})
    free_unique(prefix, state[8] ~= 'window' and state[7], ARGV[1])
    call('ZREM', KEYS[3], ARGV[1])
    call('ZREM', KEYS[2], ARGV[1])
end
return state[1]
