#!lua
-- The least that ends jobs: state and expiry of each, one acknowledgement and one deletion for all.
-- KEYS    1 stream   2 what job keys begin with
-- ARGV    1 retention ms   2… id, entry
local entries = {}
for i = 2, #ARGV, 2 do
    local job = KEYS[2] .. ARGV[i]
    redis.call('HSET', job, 'status', 'completed')
    redis.call('PEXPIRE', job, ARGV[1])
    entries[#entries + 1] = ARGV[i + 1]
end
redis.call('XACK', KEYS[1], 'workers', unpack(entries))
redis.call('XDEL', KEYS[1], unpack(entries))
return #entries
