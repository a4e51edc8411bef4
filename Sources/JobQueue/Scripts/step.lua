#!lua flags=allow-oom
-- Keeps the result of a finished step until the job ends, if this attempt still holds the job.
-- KEYS    1 job hash   2 steps
-- ARGV    1 lease   2 step name   3 result as JSON
-- Returns 1 kept   0 lost: another attempt holds the job
local state = call('HMGET', KEYS[1], 'lease', 'status')
if state[1] ~= ARGV[1] or state[2] ~= 'processing' then
    return 0
end
call('HSET', KEYS[1], 'more', '1')
call('HSET', KEYS[2], ARGV[2], ARGV[3])
return 1
