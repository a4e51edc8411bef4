#!lua flags=allow-oom
-- Gives a permit of a model server back, or a place in its line up, and hands on what is free.
-- KEYS    1 permits   2 permits in use   3 line
-- ARGV    1 pool   2 how many there are   3 holder
-- Returns how many got a permit by it
call('ZREM', KEYS[3], ARGV[3])
call('ZREM', KEYS[2], ARGV[3])
return hand_over(prefix_of(KEYS[1], 'permits'), KEYS[2], KEYS[3], tonumber(ARGV[2]))
