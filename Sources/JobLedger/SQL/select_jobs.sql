SELECT
    id, kind, queue, priority, status, title, subject, session_id, tags, input, metadata, result, error, error_type, progress, step,
    message, attempt, uncharged, max_attempts, timeout_ms, estimated_ms, worker, traceparent,
    (extract(epoch FROM created_at) * 1000)::bigint AS created_ms,
    (extract(epoch FROM scheduled_at) * 1000)::bigint AS scheduled_ms,
    (extract(epoch FROM started_at) * 1000)::bigint AS started_ms,
    (extract(epoch FROM updated_at) * 1000)::bigint AS updated_ms,
    (extract(epoch FROM finished_at) * 1000)::bigint AS finished_ms
FROM jobs
