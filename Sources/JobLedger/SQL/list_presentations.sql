-- A page of presentations, newest first. A line that names a {value} is left out where the filter has none; values are bound.
-- Each status is an ordered scan of its own, so that an index gives the order also for several.
SELECT
    p.id, p.topic, p.status, p.subject, p.presenton_id, p.presenton_url, p.user_id, p.n_slides, p.error,
    (extract(epoch FROM p.created_at) * 1000000)::bigint AS created_us,
    (extract(epoch FROM p.completed_at) * 1000)::bigint AS completed_ms
FROM (SELECT) AS once
CROSS JOIN unnest({statuses}::text[]) AS s (status)
CROSS JOIN LATERAL (
    SELECT * FROM presentation_jobs
    WHERE true
        AND id = ANY ({ids}::uuid[])
        AND (created_at, id) < (to_timestamp({below_us}::bigint / 1000000.0), {below_id}::uuid)
        AND created_at >= to_timestamp({since_ms}::bigint / 1000.0)
        AND created_at < to_timestamp({until_ms}::bigint / 1000.0)
        AND status = s.status -- {statuses}
        AND subject = {subject}::text
        AND user_id = {user}::text
    ORDER BY created_at DESC, id DESC
    LIMIT {limit}::integer
) AS p
ORDER BY p.created_at DESC, p.id DESC
LIMIT {limit}::integer
