#!lua flags=allow-oom
-- Gives one entry of a worker back to the queue: new entry, hash, then the old entry goes. The attempt is not charged.
-- KEYS    1 job hash   2 stream of the entry   3 stream to put it on   4 stats
-- ARGV    1 worker name   2 entry   3 job id   4 crashed or handed-back   5 crashes to add   6 now ms   7 event
-- Returns 1 released   0 the entry is not this worker's   2 a foreign entry: adopt it
local pending = redis.call('XPENDING', KEYS[2], GROUP, ARGV[2], ARGV[2], 1, ARGV[1])
if #pending == 0 then
    return 0
end
local state = fields_of(KEYS[1], 'status', 'entry', 'stream', 'lease', 'kind')
local current = state[2] == ARGV[2] and state[3] == KEYS[2]
local running = state[1] == 'processing' and string.sub(state[4] or '', 1, #ARGV[1] + 1) == ARGV[1] .. ':'
if current and (running or state[1] == 'queued') then
    local entry = redis.call('XADD', KEYS[3], '*', 'job_id', ARGV[3], 'kind', state[5])
    redis.call('HSET', KEYS[1], 'status', 'queued', 'entry', entry, 'stream', KEYS[3], 'lease', '', 'updated_at', ARGV[6])
    if running then
        redis.call('HINCRBY', KEYS[1], 'uncharged', 1)
        if ARGV[4] == 'crashed' then
            redis.call('HSET', KEYS[1], 'suspect', '1')
            redis.call('HINCRBY', KEYS[1], 'crashes', ARGV[5])
        end
        redis.call('HINCRBY', KEYS[4], 'reclaimed', 1)
        tell(KEYS[1], ARGV[7])
    end
elseif not state[1] then
    local fields = redis.call('XRANGE', KEYS[2], ARGV[2], ARGV[2])
    for _, field in ipairs(fields[1] and fields[1][2] or {}) do
        if field == 'source_type' then
            return 2
        end
    end
end
discard(KEYS[2], ARGV[2])
return 1
