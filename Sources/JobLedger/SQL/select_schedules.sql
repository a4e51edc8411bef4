SELECT
    id, name, expression, time_zone, kind, input, options, missed, overlap, enabled, version, last_job_id, last_error,
    (extract(epoch FROM anchor_at) * 1000)::bigint AS anchor_ms,
    (extract(epoch FROM next_run_at) * 1000)::bigint AS next_ms,
    (extract(epoch FROM last_run_at) * 1000)::bigint AS last_ms,
    (extract(epoch FROM created_at) * 1000)::bigint AS created_ms,
    (extract(epoch FROM updated_at) * 1000)::bigint AS updated_ms
FROM schedules
