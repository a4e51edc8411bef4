SELECT
    f.id, f.name, f.metadata,
    (extract(epoch FROM f.created_at) * 1000)::bigint AS created_ms,
    (extract(epoch FROM f.cancelled_at) * 1000)::bigint AS cancelled_ms,
    s.waiting, s.scheduled, s.queued, s.processing, s.completed, s.failed, s.cancelled,
    (extract(epoch FROM s.finished_at) * 1000)::bigint AS finished_ms
FROM flows f
CROSS JOIN LATERAL (
    SELECT
        count(*) FILTER (WHERE status = 'waiting') AS waiting, count(*) FILTER (WHERE status = 'scheduled') AS scheduled,
        count(*) FILTER (WHERE status = 'queued') AS queued, count(*) FILTER (WHERE status = 'processing') AS processing,
        count(*) FILTER (WHERE status = 'completed') AS completed, count(*) FILTER (WHERE status = 'failed') AS failed,
        count(*) FILTER (WHERE status = 'cancelled') AS cancelled, max(finished_at) AS finished_at
    FROM jobs j WHERE j.flow_id = f.id
) AS s
