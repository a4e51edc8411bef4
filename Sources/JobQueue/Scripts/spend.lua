#!lua flags=allow-oom
-- Takes one request from the allowance of an API key: a bucket that fills steadily. What is kept is when it will be full again, by Redis's clock.
-- KEYS    1 allowance
-- ARGV    1 requests   2 in ms   3 at once
-- Returns {1 taken 0 refused, requests left, ms until the bucket is full, ms until there is one more}
local each = tonumber(ARGV[2]) / tonumber(ARGV[1])
local size = each * tonumber(ARGV[3])
local now = clock()
-- A clock that was set back, or a rate that was changed, owes at most a whole bucket.
local full = math.min(math.max(tonumber(call('GET', KEYS[1]) or '') or 0, now), now + size)
local slack = 0.01 -- sums of fractions
local taken = full + each <= now + size + slack
if taken then
    full = full + each
    call('SET', KEYS[1], string.format('%.3f', full), 'PX', math.ceil(full - now) + 1)
end
local left = math.floor((now + size - full + slack) / each)
return {taken and 1 or 0, left, math.ceil(full - now), left > 0 and 0 or math.ceil(full + each - now - size)}
