-- Opens a new series of attempts of failed or cancelled jobs; attempt numbers go on. $1 ids, $2 milliseconds.
-- What became of the attempts so far stays in job_attempts. A job whose parents have not ended (they are retried too) is left out: it would
-- run before them. Returns the ids that were written.
WITH locked AS (
    SELECT id FROM jobs j
    WHERE id = ANY ($1::uuid[]) AND status IN ('failed', 'cancelled')
        AND NOT EXISTS (
            SELECT FROM jobs p WHERE p.id = ANY (j.depends_on) AND p.status NOT IN ('completed', 'failed', 'cancelled'))
    ORDER BY id FOR UPDATE
)
UPDATE jobs j SET
    status = 'queued', fence = j.attempt, uncharged = j.attempt, progress = 0,
    result = NULL, error = NULL, error_type = NULL, step = NULL, message = NULL, worker = NULL, ended_by = NULL,
    scheduled_at = NULL, finished_at = NULL, updated_at = to_timestamp($2::bigint / 1000.0)
FROM locked l WHERE j.id = l.id
RETURNING j.id
