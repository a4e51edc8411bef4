#!lua flags=allow-oom
-- Asks a worker to leave: by a message, and by its next beat where the message is lost.
-- KEYS    1 worker hash   2 control
-- ARGV    1 worker name
-- Returns 1 asked   0 there is no such worker, or it is dead
local state = call('HMGET', KEYS[1], 'name', 'dead')
if not state[1] or state[2] then
    return 0
end
call('HSET', KEYS[1], 'draining', 1)
call('PUBLISH', KEYS[2], 'drain ' .. ARGV[1])
return 1
