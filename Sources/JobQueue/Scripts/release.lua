#!lua flags=allow-oom
-- Gives one entry of a worker back to the queue: new entry, hash, then the old entry goes. The attempt is not charged.
-- KEYS    1 job hash   2 stream of the entry
-- ARGV    1 worker name   2 entry   3 job id   4 crashed or handed-back   5 crashes to add   6 level to put it on   7 event
-- Returns 1 released, or given to the worker that runs its job   0 the entry is not this worker's   2 a foreign entry: adopt it
local pending = call('XPENDING', KEYS[2], GROUP, ARGV[2], ARGV[2], 1, ARGV[1])
if #pending == 0 then
    return 0
end
local prefix = prefix_of(KEYS[1], 'job:' .. ARGV[3])
local entries = call('XRANGE', KEYS[2], ARGV[2], ARGV[2])
local fields = entries[1] and entries[1][2] or {}
local state = fields_of(KEYS[1], 'status', 'entry', 'lease', 'kind', 'queue', 'concurrency_key', 'permits')
local current = unmarked(state[2]) == place(level_of(KEYS[2]), ARGV[2])
local holder = current and state[1] == 'processing' and holder_of(state[3])
local running = holder == ARGV[1]
if holder and not running then
    give_to_holder(KEYS[2], ARGV[2], holder) -- its group was lost, and gave it out again
    return 1
elseif current and (running or state[1] == 'queued') then
    unfold(KEYS[1])
    -- What it held is given back, and it must ask again; but its key's permit stays with it: those behind it keep their order.
    local kept = running and state[6] and the_parked().names(state[7] or '', 'key:' .. state[6]) and 'key:' .. state[6]
    local entry = put(prefix, ARGV[3], state[5], ARGV[6], state[4], not kept and state[6] or nil)
    -- The lease of one that waits is of the attempt that put it back, whose settlement may be asked for again.
    call('HSET', KEYS[1], 'status', 'queued', 'entry', entry, 'lease', not running and state[3] or '', 'permits', kept or '')
    call('HDEL', KEYS[1], 'woken')
    give_back(prefix, ARGV[3], state[7], kept)
    if running then
        call('HINCRBY', KEYS[1], 'uncharged', 1)
        if ARGV[4] == 'crashed' then
            call('HSET', KEYS[1], 'suspect', '1')
            call('HINCRBY', KEYS[1], 'crashes', ARGV[5])
        end
        call('HINCRBY', prefix .. 'stats:' .. state[5], 'reclaimed', 1)
        tell(KEYS[1], ARGV[7])
    end
else
    local is_ticket, is_foreign
    for i = 1, #fields, 2 do
        is_ticket = is_ticket or fields[i] == 'key'
        is_foreign = is_foreign or fields[i] == 'source_type'
    end
    if is_foreign and not state[1] then
        return 2
    elseif is_ticket and not is_foreign then
        call('XADD', KEYS[2], '*', unpack(fields)) -- a ticket that was not used
    end
end
call('HDEL', KEYS[2] .. ':served', ARGV[2])
discard(KEYS[2], ARGV[2])
return 1
