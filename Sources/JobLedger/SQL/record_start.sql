-- Carries starts of attempts to the rows, unless the job has ended, waits for others, or the attempt is fenced off. One request a job in a batch.
-- Returns the ids that may run. A start is no promise (an attempt that a crash of PostgreSQL forgets is fenced by the next one):
-- its commit does not wait for the disk, so that acceptances and ends have it.
WITH asked AS (
    SELECT * FROM unnest($1::uuid[], $2::integer[], $3::text[], $4::bigint[]) AS a (id, attempt, worker, at_ms)
),
locked AS (
    -- Always in the order of ids: batches of different workers never wait for each other in a circle.
    SELECT j.id FROM jobs j JOIN asked a ON a.id = j.id ORDER BY j.id FOR UPDATE OF j
),
started AS (
    UPDATE jobs j SET
        status = 'processing',
        worker = CASE WHEN a.attempt >= j.attempt THEN a.worker ELSE j.worker END,
        attempt = greatest(j.attempt, a.attempt),
        started_at = coalesce(j.started_at, to_timestamp(a.at_ms / 1000.0)),
        updated_at = to_timestamp(a.at_ms / 1000.0)
    FROM asked a JOIN locked l ON l.id = a.id
    WHERE j.id = a.id AND j.status NOT IN ('completed', 'failed', 'cancelled', 'waiting') AND a.attempt > j.fence
    RETURNING j.id, a.attempt, a.worker, to_timestamp(a.at_ms / 1000.0) AS at
),
attempts AS (
    INSERT INTO job_attempts (job_id, attempt, worker, started_at)
    SELECT id, attempt, worker, at FROM started
    ON CONFLICT (job_id, attempt) DO UPDATE SET worker = excluded.worker
),
-- Still open after a loss of Redis: it may run beside this one, but nobody waits for it any more.
overtaken AS (
    UPDATE job_attempts t SET ended_at = s.at, outcome = 'overtaken'
    FROM started s WHERE s.attempt > 1 AND t.job_id = s.id AND t.attempt < s.attempt AND t.ended_at IS NULL
)
SELECT id, set_config('synchronous_commit', 'off', true) FROM started
