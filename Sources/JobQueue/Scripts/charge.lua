#!lua flags=allow-oom
-- Charges new jobs to the quotas of an API key: jobs of the day (UTC, by Redis's clock) and live ones. As many as fit, from the first on, or
-- none when fewer fit than must. A job that has ended, or that nobody knows a minute after it was charged, is live no more; for want of room
-- at most 500 are looked at, those first that were looked at longest ago.
-- KEYS    1 jobs of the day   2 live jobs
-- ARGV    1 tail of the second key behind the prefix   2 most a day or -1   3 most live or -1   4 how many must fit   5… job id
-- Returns {how many were charged, jobs left of the day or -1, ms until tomorrow, room for live ones or -1}
local prefix = prefix_of(KEYS[2], ARGV[1])
local now = clock()
local wanted = #ARGV - 4
local fit = wanted

local day = math.floor(now / 86400000)
local most_today, today = tonumber(ARGV[2]), 0
if most_today >= 0 then
    local kept_day, count = string.match(call('GET', KEYS[1]) or '', '^(%d+) (%d+)$')
    today = tonumber(kept_day) == day and tonumber(count) or 0
    fit = math.min(fit, math.max(0, most_today - today))
end

local most_live, live = tonumber(ARGV[3]), 0
if most_live >= 0 then
    live = call('ZCARD', KEYS[2])
    if live + fit > most_live then
        local looked = call('ZRANGE', KEYS[2], 0, 499, 'WITHSCORES')
        for i = 1, #looked, 2 do
            local status = fields_of(prefix .. 'job:' .. looked[i], 'status')[1]
            if status and not terminal(status) then
                call('ZADD', KEYS[2], now, looked[i])
            elseif status or now - tonumber(looked[i + 1]) >= 60000 then
                call('ZREM', KEYS[2], looked[i])
                live = live - 1
            end
            if live + fit <= most_live then
                break
            end
        end
    end
    fit = math.min(fit, math.max(0, most_live - live))
end

if fit < tonumber(ARGV[4]) then
    fit = 0
end
if fit > 0 and most_today >= 0 then
    today = today + fit
    call('SET', KEYS[1], day .. ' ' .. today, 'PX', 172800000)
end
if fit > 0 and most_live >= 0 then
    for i = 5, 4 + fit do
        call('ZADD', KEYS[2], now, ARGV[i])
    end
    call('PEXPIRE', KEYS[2], 34560000000)
    live = live + fit
end
return {
    fit, most_today >= 0 and most_today - today or -1, (day + 1) * 86400000 - now, most_live >= 0 and math.max(0, most_live - live) or -1,
}
