#!lua
-- Holds a unique key for a job that is about to be accepted in SQL.
-- KEYS    1 unique key
-- ARGV    1 key's tail behind the prefix   2 job id   3 ms to hold it, 0 to let it go
-- Returns '' held for this job, or let go   the id of the job that has it
local prefix = prefix_of(KEYS[1], ARGV[1])
local holder = call('GET', KEYS[1])
if ARGV[3] == '0' then
    if holder == ARGV[2] then
        call('DEL', KEYS[1])
    end
    return ''
end
if holder and holder ~= ARGV[2] then
    local state = call('HMGET', prefix .. 'job:' .. holder, 'status', 'unique_span')
    local is_waiting = state[1] == 'waiting' or state[1] == 'scheduled' or state[1] == 'queued'
    if call('PTTL', KEYS[1]) > 0 or is_waiting or (state[1] == 'processing' and state[2] ~= 'queued') then
        return holder
    end
end
call('SET', KEYS[1], ARGV[2], 'PX', ARGV[3])
return ''
