-- Ends a job that no attempt holds. $1 id, $2 status, $3 result, $4 error, $5 error type, $6 who, $7 milliseconds.
-- Returns a row when it was written, or when the same caller wrote the same end before.
WITH ended AS (
    UPDATE jobs SET
        status = $2::text, result = $3::jsonb, error = $4::text, error_type = $5::text, ended_by = $6::text,
        updated_at = to_timestamp($7::bigint / 1000.0), finished_at = to_timestamp($7::bigint / 1000.0)
    WHERE id = $1::uuid AND status NOT IN ('completed', 'failed', 'cancelled')
    RETURNING id, flow_id, attempt, fence, worker, started_at, finished_at, status, kind, subject, webhook
),
attempts AS (
    UPDATE job_attempts t SET ended_at = e.finished_at, outcome = $2::text, error = $4::text, error_type = $5::text
    FROM ended e WHERE t.job_id = e.id AND t.ended_at IS NULL AND (t.attempt <> e.attempt OR e.attempt <= e.fence)
),
-- The attempt that runs may have started while this statement waited for the job's row: only a conflict of keys sees it.
started AS (
    INSERT INTO job_attempts AS t (job_id, attempt, worker, started_at, ended_at, outcome, error, error_type)
    SELECT id, attempt, worker, coalesce(started_at, finished_at), finished_at, $2::text, $4::text, $5::text
    FROM ended WHERE attempt > fence AND worker IS NOT NULL
    ON CONFLICT (job_id, attempt) DO UPDATE SET
        ended_at = excluded.ended_at, outcome = excluded.outcome, error = excluded.error, error_type = excluded.error_type
        WHERE t.ended_at IS NULL
),
told AS (
    INSERT INTO webhook_deliveries (webhook_id, job_id, event, url)
    SELECT t.webhook_id, e.id, 'job.' || e.status, t.url
    FROM ended e CROSS JOIN LATERAL tidewheel.told(e.kind, e.status, e.subject, e.webhook) t
    WHERE e.webhook IS NOT NULL OR (SELECT EXISTS (SELECT FROM webhooks w WHERE w.enabled AND w.url IS NOT NULL))
)
SELECT id, flow_id IS NOT NULL AS in_flow FROM ended
UNION ALL
SELECT id, flow_id IS NOT NULL FROM jobs WHERE id = $1::uuid AND status = $2::text AND ended_by = $6::text
