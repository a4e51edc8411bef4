#!lua flags=allow-oom
-- Keeps the result of a finished step until the job ends, if this attempt still holds the job.
-- KEYS    1 job hash   2 steps
-- ARGV    1 lease   2 step name   3 result as JSON   4 how many steps at most   5 how many bytes in all at most
-- Returns 1 kept   0 lost: another attempt holds the job   2 the job has too many steps, or too large ones
local state = call('HMGET', KEYS[1], 'lease', 'status', 'steps_bytes', 'attempt')
if state[1] ~= ARGV[1] or state[2] ~= 'processing' then
    return 0
end
local before = call('HSTRLEN', KEYS[2], ARGV[2])
local bytes = tonumber(state[3] or '0') - before + #ARGV[3]
if bytes > tonumber(ARGV[5]) or before == 0 and call('HLEN', KEYS[2]) >= tonumber(ARGV[4]) then
    return 2
end
if not state[4] then
    unfold(KEYS[1])
end
call('HSET', KEYS[1], 'steps_bytes', bytes)
if call('HSET', KEYS[2], ARGV[2], ARGV[3]) == 1 and bytes == #ARGV[3] then
    call('PEXPIRE', KEYS[2], LOG_MS) -- what a torn file brings back of a job that has ended must not stay for ever
end
return 1
