#!lua flags=allow-oom
-- Queues the scheduled jobs that are due, by Redis's clock. Entry, hash, schedule: cut anywhere, it can be repeated.
-- KEYS    1 scheduled
-- ARGV    1 how many at most   2 now as RFC 3339
-- Returns how many were queued
local prefix = prefix_of(KEYS[1], 'scheduled')
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local promoted = 0
for _, id in ipairs(redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', now, 'LIMIT', 0, ARGV[1])) do
    local job = prefix .. 'job:' .. id
    local state = fields_of(job, 'status', 'queue', 'priority', 'kind')
    if state[1] == 'scheduled' then
        local stream = prefix .. state[2] .. '_jobs' .. (state[3] == 'medium' and '' or ':' .. state[3])
        local entry = redis.call('XADD', stream, '*', 'job_id', id, 'kind', state[4])
        redis.call('HSET', job, 'status', 'queued', 'entry', entry, 'stream', stream, 'updated_at', now)
        tell(job, '"event":"queued","status":"queued","timestamp":"' .. ARGV[2] .. '"}')
        promoted = promoted + 1
    end
    redis.call('ZREM', KEYS[1], id)
end
return promoted
