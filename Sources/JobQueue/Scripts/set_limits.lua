#!lua flags=allow-oom
-- Replaces all limits, and queues some of what they leave room for now; promote goes on with the rest.
-- KEYS    1 limits
-- ARGV    1… name, `most count per_ms burst weight` with - for none
-- Returns how many limits there are
local prefix = prefix_of(KEYS[1], 'limits')
call('DEL', KEYS[1])
if ARGV[1] then
    call('HSET', KEYS[1], unpack(ARGV))
end
for _, name in ipairs(call('ZRANGE', prefix .. 'parked', 0, -1)) do
    call('ZADD', prefix .. 'parked', 0, name)
end
for _, name in ipairs(call('SMEMBERS', prefix .. 'permitted')) do
    if string.sub(name, 1, 4) == 'key:' then
        call('ZADD', prefix .. 'parked', 0, name)
    end
end
the_parked().wake_due(prefix)
return #ARGV / 2
