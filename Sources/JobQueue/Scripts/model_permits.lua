-- Put behind shared.lua in the scripts that hand permits of model servers around.
--
-- A pool is a server. The zset `permit:<pool>` has who holds one of its permits, `permit:<pool>:line` who waits, in their order; the hash `permits`
-- says how many each pool has. A holder is `<job id>:<worker>:<attempt>:<number>`: it is good for as long as that attempt runs. Attempt 0 is somebody
-- who asks without a job: the key `asking:<id>` says for how long that holder is good.

local function asking_key(prefix, holder)
    local id = string.match(holder, '^([^:]+):.*:0:%d+$')
    return id and prefix .. 'asking:' .. id
end

-- Whether the attempt that a permit was given to still runs, as far as Redis knows.
local function still_runs(prefix, holder)
    local id, worker, attempt = string.match(holder, '^([^:]+):(.*):(%d+):%d+$')
    if not id then
        return false
    end
    if attempt == '0' then
        return call('EXISTS', asking_key(prefix, holder)) == 1
    end
    local state = fields_of(prefix .. 'job:' .. id, 'lease', 'status')
    if state[1] ~= worker .. ':' .. attempt or state[2] ~= 'processing' then
        return false
    end
    local found = fields_of(prefix .. 'worker:' .. worker, 'name', 'dead')
    return found[1] and not found[2]
end

-- Gives free permits to those that wait longest, and tells their workers, but for `asker`, who gets an answer. Who does not run any more loses its
-- place. A permit is written before the place is taken away: in both, it is held.
local function hand_over(prefix, held, line, most, asker)
    local given = 0
    while call('ZCARD', held) < most do
        local first = call('ZRANGE', line, 0, 0)[1]
        if not first then
            break
        end
        if first == asker or still_runs(prefix, first) then
            call('ZADD', held, 'NX', clock(), first)
            given = given + 1
            if first ~= asker then
                local worker = string.match(first, '^[^:]+:(.*):%d+:%d+$')
                call('PUBLISH', prefix .. 'worker:' .. worker .. ':permits', first)
            end
        end
        call('ZREM', line, first)
    end
    return given
end
