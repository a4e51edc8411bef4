#!lua flags=allow-oom
-- Adds to a kind's history of durations, or begins one where there is none. A full history counts half from then on: old durations fade.
-- KEYS    1 durations of the kind
-- ARGV    1 add or seed   2 how many make it full   3… bucket, count
-- Returns how many durations it counts   -1 there was a history already, nothing was seeded
if ARGV[1] == 'seed' and redis.call('EXISTS', KEYS[1]) == 1 then
    return -1
end
for i = 3, #ARGV, 2 do
    redis.call('HINCRBY', KEYS[1], ARGV[i], ARGV[i + 1])
end
local counts = redis.call('HGETALL', KEYS[1])
local total = 0
for i = 2, #counts, 2 do
    total = total + tonumber(counts[i])
end
if total <= tonumber(ARGV[2]) then
    return total
end
local rest = 0
for i = 1, #counts, 2 do
    local half = math.floor(tonumber(counts[i + 1]) / 2)
    rest = rest + half
    if half > 0 then
        redis.call('HSET', KEYS[1], counts[i], half)
    else
        redis.call('HDEL', KEYS[1], counts[i])
    end
end
return rest
