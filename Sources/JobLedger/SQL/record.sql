-- Ends attempts: only of jobs that live, only by attempts that are not fenced off. One request a job in a batch.
-- An attempt that ends without ending the job fences itself, so that repeating it changes nothing. Returns the ids that were written, and whether
-- the job has a place in a flow.
WITH asked AS (
    SELECT * FROM unnest(
        $1::uuid[], $2::integer[], $3::text[], $4::text[], $5::bigint[], $6::text[], $7::text[], $8::jsonb[], $9::text[], $10::text[],
        $11::bigint[], $12::integer[]
    ) AS a (id, attempt, worker, lease, at_ms, status, outcome, result, error, error_type, scheduled_ms, uncharged)
),
locked AS (
    SELECT j.id FROM jobs j JOIN asked a ON a.id = j.id ORDER BY j.id FOR UPDATE OF j
),
ended AS (
    UPDATE jobs j SET
        status = a.status,
        result = a.result,
        error = a.error,
        error_type = a.error_type,
        progress = CASE WHEN a.status = 'completed' THEN 100 ELSE j.progress END,
        worker = CASE WHEN a.attempt >= j.attempt THEN a.worker ELSE j.worker END,
        attempt = greatest(j.attempt, a.attempt),
        fence = CASE WHEN a.status IN ('scheduled', 'queued') THEN a.attempt ELSE j.fence END,
        uncharged = j.uncharged + a.uncharged,
        ended_by = a.lease,
        scheduled_at = coalesce(to_timestamp(a.scheduled_ms / 1000.0), j.scheduled_at),
        updated_at = to_timestamp(a.at_ms / 1000.0),
        finished_at = CASE WHEN a.status IN ('completed', 'failed', 'cancelled') THEN to_timestamp(a.at_ms / 1000.0) END
    FROM asked a JOIN locked l ON l.id = a.id
    WHERE j.id = a.id AND j.status NOT IN ('completed', 'failed', 'cancelled') AND a.attempt > j.fence
        -- Only an end of the job may come from an attempt that a later one runs beside.
        AND (a.attempt >= j.attempt OR a.status IN ('completed', 'failed', 'cancelled'))
    RETURNING
        j.id, j.flow_id, a.attempt, a.worker, j.started_at, j.updated_at, a.outcome, a.error, a.error_type, j.attempt AS highest, j.status,
        j.kind, j.subject, j.webhook
),
attempts AS (
    INSERT INTO job_attempts (job_id, attempt, worker, started_at, ended_at, outcome, error, error_type)
    SELECT id, attempt, worker, coalesce(started_at, updated_at), updated_at, outcome, error, error_type FROM ended
    ON CONFLICT (job_id, attempt) DO UPDATE SET
        ended_at = excluded.ended_at, outcome = excluded.outcome, error = excluded.error, error_type = excluded.error_type
),
overtaken AS (
    UPDATE job_attempts t SET ended_at = e.updated_at, outcome = 'overtaken'
    FROM ended e
    WHERE e.highest > 1 AND e.status IN ('completed', 'failed', 'cancelled')
        AND t.job_id = e.id AND t.attempt NOT IN (e.attempt, e.highest) AND t.ended_at IS NULL
),
-- The highest may have started while this statement waited for the job's row: only a conflict of keys sees it.
overtaken_highest AS (
    INSERT INTO job_attempts AS t (job_id, attempt, worker, started_at, ended_at, outcome)
    SELECT id, highest, worker, coalesce(started_at, updated_at), updated_at, 'overtaken'
    FROM ended WHERE highest > attempt AND status IN ('completed', 'failed', 'cancelled')
    ON CONFLICT (job_id, attempt) DO UPDATE SET ended_at = excluded.ended_at, outcome = excluded.outcome WHERE t.ended_at IS NULL
),
told AS (
    INSERT INTO webhook_deliveries (webhook_id, job_id, event, url)
    SELECT t.webhook_id, e.id, 'job.' || e.status, t.url
    FROM ended e CROSS JOIN LATERAL tidewheel.told(e.kind, e.status, e.subject, e.webhook) t
    WHERE e.webhook IS NOT NULL OR (SELECT EXISTS (SELECT FROM webhooks w WHERE w.enabled AND w.url IS NOT NULL))
)
SELECT id, flow_id IS NOT NULL AS in_flow FROM ended
