#!lua flags=allow-oom
-- Takes back permits whose job does not hold them any more, and wakes what is parked where there is room.
-- KEYS    1 permitted
-- ARGV    1 cursor   2 how many limits about
-- Returns {next cursor, permits taken back}
local prefix = prefix_of(KEYS[1], 'permitted')
local taken = 0

local function is_held(id, name)
    local state = fields_of(prefix .. 'job:' .. id, 'status', 'permits')
    if state[1] ~= 'processing' and state[1] ~= 'queued' then
        return false
    end
    return string.find(' ' .. (state[2] or '') .. ' ', ' ' .. name .. ' ', 1, true) ~= nil
end

local scan = call('SSCAN', KEYS[1], ARGV[1], 'COUNT', ARGV[2])
for _, name in ipairs(scan[2]) do
    for _, id in ipairs(call('ZRANGE', prefix .. 'limit:' .. name, 0, 999)) do
        if not is_held(id, name) then
            call('ZREM', prefix .. 'limit:' .. name, id)
            taken = taken + 1
        end
    end
    limits().wake(prefix, name, 5)
    if call('EXISTS', prefix .. 'limit:' .. name) == 0 then
        call('SREM', KEYS[1], name)
    end
end
return {scan[1], taken}
