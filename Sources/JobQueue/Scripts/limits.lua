-- Put behind shared.lua in the scripts that move jobs, with lanes.lua and parked.lua behind it: permits and rates.
--
-- A limit is named `queue:<q>`, `kind:<k>` or `key:<k>`. Its permits are members of the zset `limit:<name>`, each the id of a job that runs or
-- was woken to run; the job's field `permits` names them. The zset `parked` says when to look again at who waits for a limit, by Redis's clock.
--
-- All of it is made only when a job needs it: making a function costs a microsecond or so, and most jobs have neither key nor limit.

local function make_permits()
    local limits_seen = {}

    local function limit_of(prefix, name)
        if limits_seen[name] == nil then
            local text = call('HGET', prefix .. 'limits', name)
            if not text and string.sub(name, 1, 4) == 'key:' then
                text = call('HGET', prefix .. 'limits', 'key:*') or '1 - - - 1'
            end
            local most, count, per, burst, weight = string.match(text or '', '^(%S+) (%S+) (%S+) (%S+) (%S+)$')
            limits_seen[name] = weight
                and {most = tonumber(most), count = tonumber(count), per = tonumber(per), burst = tonumber(burst), weight = tonumber(weight)}
        end
        return limits_seen[name]
    end

    -- Tokens in the bucket now. A clock that went back adds none.
    local function tokens(prefix, name, limit, now)
        local bucket = call('HMGET', prefix .. 'rate:' .. name, 'tokens', 'at')
        if not bucket[1] then
            return limit.burst
        end
        return math.min(limit.burst, tonumber(bucket[1]) + math.max(0, now - tonumber(bucket[2])) * limit.count / limit.per)
    end

    -- How many more jobs may start now under a limit.
    local function room(prefix, name)
        local limit = limit_of(prefix, name)
        if not limit then
            return math.huge
        end
        local free = limit.most and limit.most - call('ZCARD', prefix .. 'limit:' .. name) or math.huge
        return limit.count and math.min(free, math.floor(tokens(prefix, name, limit, clock()))) or free
    end

    local function has_room(prefix, name)
        return room(prefix, name) >= 1
    end

    local paused

    -- A paused queue has room for nobody who is parked.
    local function is_paused(prefix, name)
        if not paused then
            paused = {}
            for _, queue in ipairs(call('SMEMBERS', prefix .. 'paused')) do
                paused['queue:' .. queue] = true
            end
        end
        return paused[name]
    end

    -- Whether somebody who waits for a limit may be let go.
    local function may_wake(prefix, name)
        return not is_paused(prefix, name) and has_room(prefix, name)
    end

    -- How long until there may be room, in ms. Where only a freed permit or the end of a pause makes room, whoever brings it looks at once:
    -- then rarely.
    local function room_in(prefix, name)
        local limit = limit_of(prefix, name)
        if is_paused(prefix, name) or limit and limit.most and call('ZCARD', prefix .. 'limit:' .. name) >= limit.most then
            return 1000
        end
        return limit and limit.count and math.max(0, math.ceil((1 - tokens(prefix, name, limit, clock())) * limit.per / limit.count)) or 0
    end

    -- Somebody waits for a limit. A look that is due before stays so.
    local function list(prefix, name)
        local wait = room_in(prefix, name)
        call('ZADD', prefix .. 'parked', 'LT', wait > 0 and clock() + wait or 0, name)
    end

    local function take_permit(prefix, name, id)
        local limit = limit_of(prefix, name)
        if not limit then
            return false
        end
        local now = clock()
        if limit.count then
            local left = tokens(prefix, name, limit, now) - 1
            call('HSET', prefix .. 'rate:' .. name, 'tokens', left, 'at', now)
            call('PEXPIRE', prefix .. 'rate:' .. name, math.ceil(limit.burst * limit.per / limit.count) + 60000)
        end
        if limit.most then
            call('SADD', prefix .. 'permitted', name)
            call('ZADD', prefix .. 'limit:' .. name, now, id)
        end
        return limit.most ~= nil
    end

    return {
        limit_of = limit_of, room = room, has_room = has_room, is_paused = is_paused, may_wake = may_wake, list = list,
        take_permit = take_permit}
end

local permits_made
local function the_permits()
    permits_made = permits_made or make_permits()
    return permits_made
end

