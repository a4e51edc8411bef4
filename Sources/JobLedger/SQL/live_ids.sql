-- Ids of live jobs after $1 and before $4, accepted before $2 ms, at most $3. Those that wait for other jobs are the flows' business.
SELECT id FROM jobs
WHERE status NOT IN ('completed', 'failed', 'cancelled') AND status <> 'waiting'
    AND id > coalesce($1::uuid, '00000000-0000-0000-0000-000000000000')
    AND id < coalesce($4::uuid, 'ffffffff-ffff-ffff-ffff-ffffffffffff')
    AND created_at < to_timestamp($2::bigint / 1000.0)
ORDER BY id
LIMIT $3::integer
