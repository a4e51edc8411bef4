#!lua flags=allow-oom
-- Takes a permit of a model server, or a place in its line; asked again, it tells how things are. Who has the permit already has it once.
-- KEYS    1 permits   2 permits in use   3 line
-- ARGV    1 pool   2 how many there are   3 holder   4 wait or try
-- Returns 0 held   n: so many come before it and one; with try it has no place then
local prefix = prefix_of(KEYS[1], 'permits')
local asking = asking_key(prefix, ARGV[3])
if asking then
    call('SET', asking, ARGV[1], 'PX', 60000)
end
call('HSET', KEYS[1], ARGV[1], ARGV[2])
if call('ZSCORE', KEYS[2], ARGV[3]) then
    call('ZREM', KEYS[3], ARGV[3])
    return 0
end
if not call('ZSCORE', KEYS[3], ARGV[3]) then
    local last = call('ZRANGE', KEYS[3], -1, -1, 'WITHSCORES')[2]
    call('ZADD', KEYS[3], (tonumber(last) or 0) + 1, ARGV[3])
end
hand_over(prefix, KEYS[2], KEYS[3], tonumber(ARGV[2]), ARGV[3])
local place = call('ZRANK', KEYS[3], ARGV[3])
if not place then
    return 0
end
if ARGV[4] == 'try' then
    call('ZREM', KEYS[3], ARGV[3])
end
return place + 1
