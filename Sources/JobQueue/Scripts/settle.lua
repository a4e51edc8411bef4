#!lua flags=allow-oom
-- Ends one attempt, if it still holds the job. The new state comes before the ACK: a terminal job that is still pending is only ACKed.
-- KEYS    1 job hash   2 stream of the entry   3 active   4 scheduled   5 dead   6 stats   7 stream for a job that goes back
-- ARGV    1 lease   2 entry   3 job id   4 kind   5 new status   6 now ms   7 due ms of a retry   8 retention ms   9 event   10 counter   11… field, value
-- Returns 1 settled, also when this lease settled before   0 lost: another attempt holds the job, or it is gone
local state = redis.call('HMGET', KEYS[1], 'lease', 'status', 'settled_by', 'entry', 'stream')
if state[3] == ARGV[1] then
    return 1
end
if state[1] ~= ARGV[1] or state[2] ~= 'processing' then
    if not state[2] or terminal(state[2]) or state[4] ~= ARGV[2] or state[5] ~= KEYS[2] then
        discard(KEYS[2], ARGV[2])
    end
    return 0
end

local status = ARGV[5]
local place = {}
if status == 'scheduled' then
    redis.call('ZADD', KEYS[4], ARGV[7], ARGV[3])
elseif status == 'queued' then
    place = {'stream', KEYS[7], 'entry', redis.call('XADD', KEYS[7], '*', 'job_id', ARGV[3], 'kind', ARGV[4])}
end
local fields = {'status', status, 'settled_by', ARGV[1], 'lease', '', 'updated_at', ARGV[6], unpack(place)}
for i = 11, #ARGV do
    fields[#fields + 1] = ARGV[i]
end
redis.call('HSET', KEYS[1], unpack(fields))
if status == 'failed' then
    redis.call('ZADD', KEYS[5], ARGV[6], ARGV[3])
    redis.call('ZREMRANGEBYSCORE', KEYS[5], '-inf', ARGV[6] - ARGV[8])
end
redis.call('HINCRBY', KEYS[6], ARGV[10], 1)
tell(KEYS[1], ARGV[9])
if terminal(status) then
    expire(KEYS[1], ARGV[8]) -- before it leaves the live jobs: repair finds what a cut leaves without an end
    redis.call('ZREM', KEYS[3], ARGV[3])
end
discard(KEYS[2], ARGV[2])
return 1
