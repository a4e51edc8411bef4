#!lua flags=no-writes
-- What a reaper compares with what it saw before: every worker's beat, and consumers that hold entries without being a worker. And what others
-- saw: how long this beat has stood still, at least.
-- KEYS    1 workers   2… streams
-- ARGV
-- Returns {{name, beat or '', dead '1' or '', entries held, stood still ms} …}
local prefix = prefix_of(KEYS[1], 'workers')
local held = {}
for _, name in ipairs(call('SMEMBERS', KEYS[1])) do
    held[name] = 0
end
for i = 2, #KEYS do
    local summary = redis.pcall('XPENDING', KEYS[i], GROUP)
    for _, consumer in ipairs(not summary.err and summary[4] or {}) do
        held[consumer[1]] = (held[consumer[1]] or 0) + tonumber(consumer[2])
    end
end
local seen = {}
for name, count in pairs(held) do
    local state = fields_of(prefix .. 'worker:' .. name, 'beat', 'dead', 'still_beat', 'still_ms')
    local still = state[1] and state[3] == state[1] and tonumber(state[4]) or 0
    seen[#seen + 1] = {name, state[1] or '', state[2] or '', count, still}
end
return seen
