#!lua flags=allow-oom
-- One beat of a worker. A worker that was declared dead is told so; one whose hash is gone registers again.
-- KEYS    1 worker hash   2 workers
-- ARGV    1 worker name   2… field, value
-- Returns 'ok'   'registered'   'dead': drop everything and start over under a new name   'draining': it was asked to leave
local state = call('HMGET', KEYS[1], 'name', 'dead', 'draining')
if state[2] then
    return 'dead'
end
call('SADD', KEYS[2], ARGV[1]) -- first: recovery looks at who is listed
call('HSET', KEYS[1], 'name', ARGV[1], unpack(ARGV, 2))
call('HINCRBY', KEYS[1], 'beat', 1)
local time = call('TIME') -- for people who look; recovery compares counters, never times
call('HSET', KEYS[1], 'beat_at', time[1] * 1000 + math.floor(time[2] / 1000))
if state[3] then
    return 'draining'
end
return state[1] and 'ok' or 'registered'
