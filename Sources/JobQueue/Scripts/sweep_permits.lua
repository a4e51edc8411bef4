#!lua flags=allow-oom
-- Takes back the permits of a model server whose attempts do not run any more, and hands them on. Forgets a server that nobody uses.
-- KEYS    1 permits   2 permits in use   3 line
-- ARGV    1 pool
-- Returns permits taken back
local prefix = prefix_of(KEYS[1], 'permits')
local taken = 0
for _, holder in ipairs(call('ZRANGE', KEYS[2], 0, -1)) do
    if not still_runs(prefix, holder) then
        call('ZREM', KEYS[2], holder)
        taken = taken + 1
    end
end
hand_over(prefix, KEYS[2], KEYS[3], tonumber(call('HGET', KEYS[1], ARGV[1]) or 0))
if call('EXISTS', KEYS[2], KEYS[3]) == 0 then
    call('HDEL', KEYS[1], ARGV[1])
end
return taken
