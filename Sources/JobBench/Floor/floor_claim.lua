#!lua
-- The least that takes jobs: read entries, say so in their hashes.
-- KEYS    1 stream   2 what job keys begin with
-- ARGV    1 how many
-- Returns {{entry, {'job_id', id, 'input', input}} …}
local reply = redis.call('XREADGROUP', 'GROUP', 'workers', 'floor', 'COUNT', ARGV[1], 'STREAMS', KEYS[1], '>')
if not reply then
    return {}
end
for _, entry in ipairs(reply[1][2]) do
    redis.call('HSET', KEYS[2] .. entry[2][2], 'status', 'processing')
end
return reply[1][2]
