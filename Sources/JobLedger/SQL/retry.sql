-- Opens a new series of attempts of failed or cancelled jobs; attempt numbers go on. $1 ids, $2 milliseconds.
-- What became of the attempts so far stays in job_attempts. A job whose parents have not ended (they are retried too) waits for them again.
-- Returns the ids that were written.
WITH locked AS (
    SELECT id FROM jobs
    WHERE id = ANY ($1::uuid[]) AND status IN ('failed', 'cancelled')
    ORDER BY id FOR UPDATE
)
UPDATE jobs j SET
    status = CASE
        WHEN EXISTS (SELECT 1 FROM jobs p WHERE p.id = ANY (j.depends_on) AND p.status NOT IN ('completed', 'failed', 'cancelled'))
            THEN 'waiting'
        ELSE 'queued' END,
    fence = j.attempt, uncharged = j.attempt, progress = 0,
    result = NULL, error = NULL, error_type = NULL, step = NULL, message = NULL, worker = NULL, ended_by = NULL,
    scheduled_at = NULL, finished_at = NULL, updated_at = to_timestamp($2::bigint / 1000.0)
FROM locked l WHERE j.id = l.id
RETURNING j.id
