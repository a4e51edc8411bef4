-- Locks the schedules that still stand as they were read. $1 id, $2 version, $3 fire time in milliseconds.
-- is_held: the job before has not ended, and the schedule waits for it.
SELECT
    s.id,
    s.overlap = 'skip' AND EXISTS (
        SELECT FROM jobs j WHERE j.id = s.last_job_id AND j.status NOT IN ('completed', 'failed', 'cancelled')
    ) AS is_held
FROM schedules s
JOIN unnest($1::uuid[], $2::bigint[], $3::bigint[]) AS a (id, version, fire_ms)
    ON s.id = a.id AND s.version = a.version AND s.next_run_at = to_timestamp(a.fire_ms / 1000.0)
WHERE s.enabled
ORDER BY s.id
FOR UPDATE OF s
