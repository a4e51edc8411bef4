#!lua flags=allow-oom
-- Gives a permit of a model server back, or a place in its line up, and hands on what is free.
-- KEYS    1 permits   2 permits in use   3 line
-- ARGV    1 pool   2 how many there are   3 holder
-- Returns how many got a permit by it
call('ZREM', KEYS[3], ARGV[3])
call('ZREM', KEYS[2], ARGV[3])
local prefix = prefix_of(KEYS[1], 'permits')
local asking = asking_key(prefix, ARGV[3])
if asking then
    call('DEL', asking)
end
return hand_over(prefix, KEYS[2], KEYS[3], tonumber(ARGV[2]))
