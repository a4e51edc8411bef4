SELECT scope, name, concurrency, rate_count, rate_per_ms, burst, weight FROM limits ORDER BY scope, name
