-- Lets the candidates go, each once whoever asks: to the queue, to the schedule when their time has not come, or to their end when a parent
-- did not complete and they do not run without it. $2 milliseconds. Returns the ids that were let go.
locked AS (
    SELECT j.id, j.scheduled_at, j.depends_on, j.on_parent_failure FROM jobs j JOIN candidates c ON c.id = j.id
    WHERE j.status = 'waiting' ORDER BY j.id FOR UPDATE OF j
),
judged AS (
    SELECT l.id, broken.flow_name AS parent, broken.status AS parent_status,
        CASE
            WHEN broken.status IS NOT NULL THEN 'cancelled'
            WHEN l.scheduled_at > to_timestamp($2::bigint / 1000.0) THEN 'scheduled'
            ELSE 'queued'
        END AS status
    FROM locked l
    LEFT JOIN LATERAL (
        SELECT p.flow_name, p.status FROM jobs p
        WHERE l.on_parent_failure IS DISTINCT FROM 'run' AND p.id = ANY (l.depends_on) AND p.status IN ('failed', 'cancelled')
        ORDER BY p.id LIMIT 1
    ) AS broken ON true
),
ended AS (
    UPDATE jobs j SET
        status = g.status,
        error = CASE g.parent_status
            WHEN 'failed' THEN format('Its parent ''%s'' failed', g.parent)
            WHEN 'cancelled' THEN format('Its parent ''%s'' was cancelled', g.parent)
        END,
        error_type = 'parent_' || g.parent_status,
        ended_by = CASE WHEN g.status = 'cancelled' THEN 'flow' END,
        updated_at = to_timestamp($2::bigint / 1000.0),
        finished_at = CASE WHEN g.status = 'cancelled' THEN to_timestamp($2::bigint / 1000.0) END
    FROM judged g
    WHERE j.id = g.id
    RETURNING j.id, j.status, j.kind, j.subject, j.webhook
),
told AS (
    INSERT INTO webhook_deliveries (webhook_id, job_id, event, url)
    SELECT t.webhook_id, e.id, 'job.' || e.status, t.url
    FROM ended e CROSS JOIN LATERAL tidewheel.told(e.kind, e.status, e.subject, e.webhook) t
    WHERE e.webhook IS NOT NULL OR (SELECT EXISTS (SELECT FROM webhooks w WHERE w.enabled AND w.url IS NOT NULL))
)
SELECT id FROM ended
