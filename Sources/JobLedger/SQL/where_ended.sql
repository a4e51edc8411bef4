-- Those of the jobs $1 that ended before $2 ms.
WHERE id = ANY ($1::uuid[]) AND status IN ('completed', 'failed', 'cancelled') AND finished_at < to_timestamp($2::bigint / 1000.0)
