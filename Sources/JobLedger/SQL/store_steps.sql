-- Keeps results of steps, if the job lives and the attempt is not fenced off. One request a job in a batch. $1 id, $2 attempt, $3 name, $4 result.
-- Returns the ids whose attempts still hold their jobs. A lost step only runs again: the commit does not wait for the disk.
WITH held AS (
    SELECT a.* FROM unnest($1::uuid[], $2::integer[], $3::text[], $4::jsonb[]) AS a (id, attempt, name, result)
    JOIN jobs j ON j.id = a.id
    WHERE j.status NOT IN ('completed', 'failed', 'cancelled') AND a.attempt > j.fence
),
stored AS (
    INSERT INTO job_steps (job_id, name, result, attempt)
    SELECT id, name, result, attempt FROM held ORDER BY id
    ON CONFLICT (job_id, name) DO UPDATE SET result = excluded.result, attempt = excluded.attempt, stored_at = now()
    WHERE job_steps.attempt <= excluded.attempt
)
SELECT id, set_config('synchronous_commit', 'off', true) FROM held
