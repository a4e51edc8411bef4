-- Moves locked schedules to their next fire time. $1 id, $2 next in milliseconds, $3 the job that was made, $4 why there is none.
UPDATE schedules s SET
    last_run_at = CASE WHEN a.job IS NULL THEN s.last_run_at ELSE s.next_run_at END,
    last_job_id = coalesce(a.job, s.last_job_id), last_error = a.error, next_run_at = to_timestamp(a.next_ms / 1000.0)
FROM unnest($1::uuid[], $2::bigint[], $3::uuid[], $4::text[]) AS a (id, next_ms, job, error)
WHERE s.id = a.id
