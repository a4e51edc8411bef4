#!lua
-- Accepts a job, if its id is new. The entry comes before the hash: an entry without a hash is skipped, a hash without an entry would wait for ever.
-- KEYS    1 job hash   2 stream   3 active   4 scheduled   5 stats   [6 idempotency]
-- ARGV    1 job id   2 kind   3 due ms, 0 for now   4 created ms   5 event   6 fingerprint   7 idempotency ttl ms   8… field, value
-- Returns {1, entry} accepted   {0, status} the id exists   {2, id} this request was accepted as that job   {3, id} the key belongs to another request
if redis.call('EXISTS', KEYS[1]) == 1 then
    return {0, redis.call('HGET', KEYS[1], 'status')}
end
if KEYS[6] then
    local id, fingerprint = string.match(redis.call('GET', KEYS[6]) or '', '^(%S+) (%S+)$')
    if id then
        return {fingerprint == ARGV[6] and 2 or 3, id}
    end
end

local entry = ''
local scheduled = tonumber(ARGV[3]) > 0
if scheduled then
    redis.call('ZADD', KEYS[4], ARGV[3], ARGV[1])
else
    entry = redis.call('XADD', KEYS[2], '*', 'job_id', ARGV[1], 'kind', ARGV[2])
end
redis.call('HSET', KEYS[1], 'job_id', ARGV[1], 'status', scheduled and 'scheduled' or 'queued',
    'entry', entry, 'stream', KEYS[2], unpack(ARGV, 8))
redis.call('ZADD', KEYS[3], ARGV[4], ARGV[1])
if KEYS[6] then
    redis.call('SET', KEYS[6], ARGV[1] .. ' ' .. ARGV[6], 'PX', ARGV[7])
end
redis.call('HINCRBY', KEYS[5], 'accepted', 1)
tell(KEYS[1], ARGV[5])
return {1, entry}
