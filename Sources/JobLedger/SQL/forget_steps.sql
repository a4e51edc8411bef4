-- Steps that nobody will ask for again: of jobs that are completed, cancelled or gone. Those of a dead letter stay: it may be retried.
-- When they were finished is kept as long as the job's record is. $1 leader token, $2 how many at most. The last number counts steps.
WITH gone AS (
    DELETE FROM job_steps WHERE ctid = ANY (ARRAY(
        SELECT s.ctid FROM job_steps s LEFT JOIN jobs j ON j.id = s.job_id
        WHERE (j.id IS NULL OR j.status IN ('completed', 'cancelled')) AND (SELECT tidewheel.leads($1::bigint))
        LIMIT $2::integer
    ))
    RETURNING job_id, name, attempt, stored_at
),
kept AS (
    INSERT INTO job_step_times (job_id, name, attempt, finished_at)
    SELECT g.job_id, g.name, g.attempt, g.stored_at FROM gone g JOIN jobs j ON j.id = g.job_id
    ON CONFLICT (job_id, name, attempt) DO NOTHING
)
SELECT count(*) AS steps FROM gone
