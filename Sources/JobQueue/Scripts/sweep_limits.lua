#!lua flags=allow-oom
-- Takes back permits whose job does not hold them any more, or was woken and cannot be claimed because its queue is paused, and wakes who waits
-- where there is room.
-- KEYS    1 permitted
-- ARGV    1 how many permits at most   2… limit, first rank to look at
-- Returns {limits that are done, rank to go on at with the next one, permits taken back}
local prefix = prefix_of(KEYS[1], 'permitted')
local left, taken = tonumber(ARGV[1]), 0

-- A woken job is parked again until its queue goes on; a claim skips its entry.
local function put_to_sleep(job, id, queue, permits)
    local state = call('HMGET', job, 'kind', 'priority', 'created_at')
    the_parked().park(prefix, id, queue, state[1], state[2], state[3], false, permits)
end

local function is_used(id, name)
    local job = prefix .. 'job:' .. id
    local state = fields_of(job, 'status', 'permits', 'queue')
    if state[1] ~= 'processing' and state[1] ~= 'queued' or not the_parked().names(state[2] or '', name) then
        return false
    elseif state[1] == 'queued' and the_permits().is_paused(prefix, 'queue:' .. (state[3] or '')) then
        put_to_sleep(job, id, state[3], state[2])
        return false
    end
    return true
end

for i = 2, #ARGV, 2 do
    local name, rank = ARGV[i], tonumber(ARGV[i + 1])
    if left <= 0 then
        return {i / 2 - 1, rank, taken}
    end
    local ids = call('ZRANGE', prefix .. 'limit:' .. name, rank, rank + left - 1)
    for _, id in ipairs(ids) do
        if is_used(id, name) then
            rank = rank + 1
        else
            call('ZREM', prefix .. 'limit:' .. name, id)
            taken = taken + 1
        end
    end
    if #ids == left then
        return {i / 2 - 1, rank, taken}
    end
    left = left - #ids - 5 * the_parked().wake(prefix, name, 5)
    if call('EXISTS', prefix .. 'limit:' .. name) == 0 then
        call('SREM', KEYS[1], name)
    end
end
return {(#ARGV - 1) / 2, 0, taken}
