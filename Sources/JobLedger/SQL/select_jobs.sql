SELECT
    id, kind, queue, priority, status, title, subject, session_id, tags, input, metadata, result, error, error_type, progress, step,
    message, attempt, uncharged, max_attempts, timeout_ms, estimated_ms, worker, traceparent,
    description, concurrency_key, retry_base_ms, retry_cap_ms, unique_key, unique_span, unique_ms, flow_id, flow_name, depends_on,
    on_parent_failure, submitted_by,
    (extract(epoch FROM created_at) * 1000)::bigint AS created_ms,
    (extract(epoch FROM scheduled_at) * 1000)::bigint AS scheduled_ms,
    (extract(epoch FROM started_at) * 1000)::bigint AS started_ms,
    (extract(epoch FROM updated_at) * 1000)::bigint AS updated_ms,
    (extract(epoch FROM finished_at) * 1000)::bigint AS finished_ms
FROM jobs
