-- Jobs with parents that no attempt has started, oldest id first: the partial index jobs_held_in_flows. $1 the last one before, $2 how many.
SELECT id, status FROM jobs
WHERE flow_id IS NOT NULL AND status IN ('waiting', 'scheduled', 'queued')
    AND depends_on <> '{}'
    AND id > coalesce($1::uuid, '00000000-0000-0000-0000-000000000000')
ORDER BY id
LIMIT $2::integer
