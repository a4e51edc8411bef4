#!lua
-- The least that accepts jobs: an entry, which carries the input, and a hash. No checks, no events, no counters.
-- KEYS    1 stream   2 what job keys begin with
-- ARGV    1… id, input
for i = 1, #ARGV, 2 do
    redis.call('XADD', KEYS[1], '*', 'job_id', ARGV[i], 'input', ARGV[i + 1])
    redis.call('HSET', KEYS[2] .. ARGV[i], 'status', 'queued')
end
return #ARGV / 2
