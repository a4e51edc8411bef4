#!lua flags=allow-oom
-- Stores and publishes what an attempt tells of itself, if it still holds the job.
-- KEYS    1 job hash
-- ARGV    1 lease   2 event   3… field, value
-- Returns 1 told   2 told, and a cancel was asked for   0 lost: another attempt holds the job
local state = call('HMGET', KEYS[1], 'lease', 'status', 'cancel_requested', 'attempt')
if state[1] ~= ARGV[1] or state[2] ~= 'processing' then
    return 0
end
if not state[4] then
    unfold(KEYS[1])
end
if ARGV[3] then
    call('HSET', KEYS[1], unpack(ARGV, 3))
end
tell(KEYS[1], ARGV[2])
return state[3] and 2 or 1
