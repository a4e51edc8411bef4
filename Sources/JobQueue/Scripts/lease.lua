#!lua flags=allow-oom
-- One sign of life of an HTTP worker's lease, which is a worker with one job; the first one begins it. Redis' clock keeps its time, because any
-- API process may be asked.
-- KEYS    1 worker hash   2 job hash
-- ARGV    1 lease   2 timeout ms and, for a suspect, ` alone`, with the first; '' with every further one   3 grace after a cancel ms
-- Returns 'going'   'cancel': somebody asked the job to stop   'deaf': that was longer ago than the grace   'late': the attempt is over its time
--         'lost': the lease is over
local worker = call('HMGET', KEYS[1], 'name', 'dead', 'deadline', 'told_at')
local job = fields_of(KEYS[2], 'lease', 'status', 'cancel_requested')
if not worker[1] or worker[2] or job[1] ~= ARGV[1] or job[2] ~= 'processing' then
    return 'lost'
end
local time = call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
if ARGV[2] ~= '' then
    local timeout, alone = string.match(ARGV[2], '^(%d+)( ?%l*)$')
    worker[3] = now + timeout
    call('HSET', KEYS[1], 'deadline', worker[3], 'suspects', alone ~= '' and '1' or '0')
end
if now >= tonumber(worker[3] or now) then
    return 'late'
end
call('HINCRBY', KEYS[1], 'beat', 1)
call('HSET', KEYS[1], 'beat_at', now)
if not job[3] then
    return 'going'
elseif not worker[4] then
    call('HSET', KEYS[1], 'told_at', now)
elseif now >= worker[4] + ARGV[3] then
    return 'deaf'
end
return 'cancel'
