-- Live rows after an id, oldest id first: the partial index jobs_live.
WHERE status NOT IN ('completed', 'failed', 'cancelled')
    AND id > coalesce($1::uuid, '00000000-0000-0000-0000-000000000000')
    AND created_at < to_timestamp($2::bigint / 1000.0)
ORDER BY id
LIMIT $3::integer
