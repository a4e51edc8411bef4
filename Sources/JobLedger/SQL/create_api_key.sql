INSERT INTO api_keys (id, name, hash, scopes, rate_count, rate_per_ms, burst, jobs_a_day, live_jobs, created_at, expires_at)
VALUES (
    $1::text, $2::text, $3::text, $4::text[], $5::integer, $6::bigint, $7::integer, $8::integer, $9::integer,
    to_timestamp($10::bigint / 1000.0), to_timestamp($11::bigint / 1000.0)
)
