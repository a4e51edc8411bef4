-- Shuts out attempts whose worker died. $1 id, $2 attempt. An attempt is counted as uncharged once, however often this is repeated.
WITH asked AS (
    SELECT id, max(attempt) AS attempt FROM unnest($1::uuid[], $2::integer[]) AS a (id, attempt) GROUP BY id
),
locked AS (
    SELECT j.id FROM jobs j JOIN asked a ON a.id = j.id ORDER BY j.id FOR UPDATE OF j
),
fenced AS (
    UPDATE jobs j SET
        fence = a.attempt,
        uncharged = j.uncharged + 1,
        status = CASE WHEN j.status = 'processing' AND j.attempt <= a.attempt THEN 'queued' ELSE j.status END,
        attempt = greatest(j.attempt, a.attempt),
        updated_at = now()
    FROM asked a JOIN locked l ON l.id = a.id
    WHERE j.id = a.id AND j.status NOT IN ('completed', 'failed', 'cancelled') AND j.fence < a.attempt
    RETURNING j.id, a.attempt
)
UPDATE job_attempts t SET ended_at = now(), outcome = 'crashed'
FROM fenced f
WHERE t.job_id = f.id AND t.attempt <= f.attempt AND t.ended_at IS NULL
