#!lua flags=allow-oom
-- Notes for every reaper how long a worker's beat has stood still: one that begins to watch goes on from there. The longest that was seen stays.
-- KEYS    1 worker hash
-- ARGV    1 beat as observed   2 how long it has stood still ms
-- Returns 1 noted   0 it beats again, nobody beats under this name, or as much is known
local state = fields_of(KEYS[1], 'beat', 'still_beat', 'still_ms')
if state[1] ~= ARGV[1] or state[2] == ARGV[1] and tonumber(state[3]) >= tonumber(ARGV[2]) then
    return 0
end
call('HSET', KEYS[1], 'still_beat', ARGV[1], 'still_ms', ARGV[2])
return 1
