-- Ends every job of a flow that no attempt has started. $1 flow, $2 milliseconds.
-- Returns all its jobs that were live, each with its status before.
WITH locked AS (
    SELECT id, status FROM jobs
    WHERE flow_id = $1::uuid AND status NOT IN ('completed', 'failed', 'cancelled')
    ORDER BY id FOR UPDATE
),
ended AS (
    UPDATE jobs j SET
        status = 'cancelled', error = 'The flow was cancelled', error_type = 'cancelled', ended_by = 'flow',
        updated_at = to_timestamp($2::bigint / 1000.0), finished_at = to_timestamp($2::bigint / 1000.0)
    FROM locked l
    WHERE j.id = l.id AND l.status <> 'processing'
    RETURNING j.id, j.finished_at, j.status, j.kind, j.subject, j.webhook
),
attempts AS (
    UPDATE job_attempts t SET ended_at = e.finished_at, outcome = 'cancelled', error = 'The flow was cancelled', error_type = 'cancelled'
    FROM ended e WHERE t.job_id = e.id AND t.ended_at IS NULL
),
told AS (
    INSERT INTO webhook_deliveries (webhook_id, job_id, event, url)
    SELECT t.webhook_id, e.id, 'job.' || e.status, t.url
    FROM ended e CROSS JOIN LATERAL tidewheel.told(e.kind, e.status, e.subject, e.webhook) t
    WHERE e.webhook IS NOT NULL OR (SELECT EXISTS (SELECT FROM webhooks w WHERE w.enabled AND w.url IS NOT NULL))
)
SELECT id, status FROM locked ORDER BY id
