#!lua flags=allow-oom
-- Looks at live jobs and mends what a torn log or a lost key left behind: a queued job without an entry, a scheduled one without a due time,
-- a running one whose entry and worker are both gone, an ended one that would be kept for ever.
-- KEYS    1 active   2 scheduled
-- ARGV    1 first rank   2 how many   3 now ms   4 retention ms
-- Returns {looked at, mended}
local prefix = prefix_of(KEYS[1], 'active')
local ids = redis.call('ZRANGE', KEYS[1], ARGV[1], ARGV[1] + ARGV[2] - 1)
local mended = 0

local function requeue(job, id, state)
    local entry = redis.call('XADD', state[3], '*', 'job_id', id, 'kind', state[4])
    redis.call('HSET', job, 'status', 'queued', 'entry', entry, 'lease', '', 'updated_at', ARGV[3])
    mended = mended + 1
end

for _, id in ipairs(ids) do
    local job = prefix .. 'job:' .. id
    local state = fields_of(job, 'status', 'entry', 'stream', 'kind', 'worker', 'scheduled_at')
    local gone = state[3] and #redis.call('XRANGE', state[3], state[2] ~= '' and state[2] or '0-1', state[2] ~= '' and state[2] or '0-1') == 0
    if not state[1] or terminal(state[1]) then
        if state[1] and redis.call('PTTL', job) == -1 then
            expire(job, ARGV[4])
        end
        redis.call('ZREM', KEYS[1], id)
    elseif state[1] == 'queued' and gone then
        requeue(job, id, state)
    elseif state[1] == 'processing' and gone then
        local worker = fields_of(prefix .. 'worker:' .. (state[5] or ''), 'name', 'dead')
        if not worker[1] or worker[2] then
            requeue(job, id, state)
        end
    elseif state[1] == 'scheduled' and not redis.call('ZSCORE', KEYS[2], id) then
        redis.call('ZADD', KEYS[2], state[6] or ARGV[3], id)
        mended = mended + 1
    end
end
return {#ids, mended}
