-- Says what holds from now on: members that are not given are not kept from before.
INSERT INTO limits (scope, name, concurrency, rate_count, rate_per_ms, burst, weight)
VALUES ($1::text, $2::text, $3::integer, $4::integer, $5::bigint, $6::integer, $7::integer)
ON CONFLICT (scope, name) DO UPDATE SET
    concurrency = excluded.concurrency, rate_count = excluded.rate_count, rate_per_ms = excluded.rate_per_ms, burst = excluded.burst,
    weight = excluded.weight, updated_at = now()
