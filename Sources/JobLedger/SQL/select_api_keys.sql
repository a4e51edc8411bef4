-- $1: revoked ones too.
SELECT
    id, name, hash, scopes, rate_count, rate_per_ms, burst, jobs_a_day, live_jobs,
    (extract(epoch FROM created_at) * 1000)::bigint AS created_ms,
    (extract(epoch FROM expires_at) * 1000)::bigint AS expires_ms,
    (extract(epoch FROM revoked_at) * 1000)::bigint AS revoked_ms,
    (extract(epoch FROM last_used_at) * 1000)::bigint AS used_ms
FROM api_keys
WHERE $1::boolean OR revoked_at IS NULL
ORDER BY created_at, id
