#!lua flags=allow-oom
-- Finds entries that the group has passed and that nobody holds. Redis applies the torn half of a script at its second start, before what was
-- written since: an entry can come back behind others that were read meanwhile, and would never be given to anybody.
-- KEYS    1 stream   2 active
-- ARGV    1 entry to begin at, - for the first   2 how many
-- Returns {entry to go on at or '', brought back, thrown away}
local prefix = prefix_of(KEYS[2], 'active')
local groups = redis.pcall('XINFO', 'GROUPS', KEYS[1])
local last
for _, group in ipairs(groups.err and {} or groups) do
    local facts = {}
    for i = 1, #group, 2 do
        facts[group[i]] = group[i + 1]
    end
    last = facts.name == GROUP and facts['last-delivered-id'] or last
end
if not last or last == '0-0' then
    return {'', 0, 0}
end

local function remove(entry)
    call('HDEL', KEYS[1] .. ':served', entry)
    call('XDEL', KEYS[1], entry)
end

-- The copy comes before the hash names it, and the old entry goes last.
local function bring_back(entry, fields, job)
    if job then
        unfold(job)
    end
    local fresh = call('XADD', KEYS[1], '*', unpack(fields))
    if job then
        call('HSET', job, 'status', 'queued', 'entry', place(level_of(KEYS[1]), fresh), 'lease', '')
    end
    remove(entry)
end

local function mend(entry, fields)
    local values = {}
    for i = 1, #fields, 2 do
        values[fields[i]] = fields[i + 1]
    end
    local id = call('HGET', KEYS[1] .. ':served', entry) or values.job_id or ''
    local job = prefix .. 'job:' .. id
    local state = fields_of(job, 'status', 'entry', 'lease')
    local current = unmarked(state[2]) == place(level_of(KEYS[1]), entry)
    local holder = current and state[1] == 'processing' and holder_of(state[3])
    if holder then
        give_to_holder(KEYS[1], entry, holder, 'FORCE')
        return 1, 0
    elseif current and state[1] == 'queued' and not values.key then
        bring_back(entry, fields, job)
        return 1, 0
    elseif values.key or (values.source_type and not state[1]) then
        bring_back(entry, fields)
        return 1, 0
    end
    remove(entry)
    return 0, 1
end

local entries = call('XRANGE', KEYS[1], ARGV[1], last, 'COUNT', ARGV[2])
local back, away = 0, 0
for _, entry in ipairs(entries) do
    if #call('XPENDING', KEYS[1], GROUP, entry[1], entry[1], 1) == 0 then
        local more_back, more_away = mend(entry[1], entry[2])
        back, away = back + more_back, away + more_away
    end
end
return {#entries == tonumber(ARGV[2]) and '(' .. entries[#entries][1] or '', back, away}
