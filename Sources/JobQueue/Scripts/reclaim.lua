#!lua flags=allow-oom
-- Declares a worker dead, if its beat is still the one that was observed: compare and mark in one step.
-- KEYS    1 worker hash
-- ARGV    1 beat as observed, '' for a missing hash   2 how long to remember ms
-- Returns 1 dead, also when it was before   0 it beats again
local state = call('HMGET', KEYS[1], 'beat', 'dead')
if not state[2] and (state[1] or '') ~= ARGV[1] then
    return 0
end
call('HSET', KEYS[1], 'dead', '1')
call('PEXPIRE', KEYS[1], ARGV[2])
return 1
