#!lua flags=allow-oom
-- Tells watchers what an attempt says in passing, if it still holds the job: neither numbered nor stored.
-- KEYS    1 job hash
-- ARGV    1 lease   2… events, whole
-- Returns 1 told   0 lost: another attempt holds the job
local state = call('HMGET', KEYS[1], 'lease', 'status')
if state[1] ~= ARGV[1] or state[2] ~= 'processing' then
    return 0
end
for i = 2, #ARGV do
    call('PUBLISH', KEYS[1] .. ':events', ARGV[i])
end
return 1
