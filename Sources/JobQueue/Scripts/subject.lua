#!lua flags=allow-oom
-- Says what jobs are about, where Redis knows them. Their owner's order, not a transition: no event, and an ended job keeps its TTL.
-- KEYS    1… job hashes
-- ARGV    1 subject; empty: none
-- Returns how many are known
local known = 0
for _, hash in ipairs(KEYS) do
    if fields_of(hash, 'job_id')[1] then
        known = known + 1
        if ARGV[1] == '' then
            call('HDEL', hash, 'subject')
        else
            unfold(hash)
            call('HSET', hash, 'more', '1', 'subject', ARGV[1])
        end
    end
end
return known
