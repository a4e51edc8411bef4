#!lua flags=no-writes
-- The entries a consumer holds, with what is known of their jobs.
-- KEYS    1 worker hash   2… streams
-- ARGV    1 worker name   2 how many a stream at most
-- Returns {{stream, entry, job id, status, attempt, lease, recorded, crashes, {field, value …} of the entry} …}
local prefix = prefix_of(KEYS[1], 'worker:' .. ARGV[1])
local found = {}
for i = 2, #KEYS do
    local pending = redis.pcall('XPENDING', KEYS[i], GROUP, '-', '+', ARGV[2], ARGV[1])
    for _, row in ipairs(pending.err and {} or pending) do
        local entries = call('XRANGE', KEYS[i], row[1], row[1])
        local fields = entries[1] and entries[1][2] or {}
        local id = ''
        for f = 1, #fields, 2 do
            id = fields[f] == 'job_id' and fields[f + 1] or id
        end
        -- A ticket may have been good for another job of its stream.
        id = redis.pcall('HGET', KEYS[i] .. ':served', row[1]) or id
        local state = fields_of(prefix .. 'job:' .. id, 'status', 'attempt', 'lease', 'policy', 'crashes')
        local lease = state[3] or ''
        local attempt = state[2] or string.match(lease, ':(%d+)$') or '0'
        found[#found + 1] = {KEYS[i], row[1], id, state[1] or '', attempt, lease, string.sub(state[4] or '', -1), state[5] or '0', fields}
    end
end
return found
