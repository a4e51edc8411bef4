#!lua flags=allow-oom
-- Removes a worker that holds nothing. Deleting a consumer that holds entries would lose them for ever.
-- KEYS    1 worker hash   2 workers   3… streams
-- ARGV    1 worker name   2 left or dead: a dead one's hash stays for a while, so that it is told when it wakes up
-- Returns 1 removed   0 it still holds entries
for i = 3, #KEYS do
    local pending = redis.pcall('XPENDING', KEYS[i], GROUP, '-', '+', 1, ARGV[1])
    if not pending.err and #pending > 0 then
        return 0
    end
end
for i = 3, #KEYS do
    redis.pcall('XGROUP', 'DELCONSUMER', KEYS[i], GROUP, ARGV[1])
end
call('SREM', KEYS[2], ARGV[1])
if ARGV[2] == 'left' then
    call('DEL', KEYS[1])
end
return 1
