-- Accepts jobs, each once: a known id or idempotency key inserts nothing, in this statement or in one that runs at the same time.
-- A unique key that another row holds (as unique_holder.sql has it) inserts nothing either: whoever took it in Redis was too slow.
-- Returns the ids that were inserted.
INSERT INTO jobs (
    id, kind, queue, priority, status, title, subject, session_id, tags, input, metadata, max_attempts, timeout_ms, estimated_ms,
    traceparent, created_at, updated_at, scheduled_at, idempotency_scope, idempotency_key, fingerprint, attempt,
    uncharged, description, concurrency_key, retry_base_ms, retry_cap_ms, unique_key, unique_span, unique_ms,
    flow_id, flow_name, depends_on, on_parent_failure, submitted_by, webhook
)
SELECT
    a.id, a.kind, a.queue, a.priority, a.status, a.title, a.subject, a.session_id,
    ARRAY(SELECT jsonb_array_elements_text(a.tags)), a.input, a.metadata, a.max_attempts, a.timeout_ms, a.estimated_ms,
    a.traceparent, to_timestamp(a.created_ms / 1000.0), to_timestamp(a.created_ms / 1000.0), to_timestamp(a.scheduled_ms / 1000.0),
    a.scope, a.key, a.fingerprint, a.attempt, a.uncharged,
    o.description, o.concurrency_key, o.retry_base_ms, o.retry_cap_ms, o.unique_key, o.unique_span, o.unique_ms,
    o.flow_id, o.flow_name, coalesce(o.depends_on, '{}'), o.on_parent_failure, o.submitted_by, o.webhook
FROM unnest(
    $1::uuid[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[], $8::text[], $9::jsonb[], $10::jsonb[],
    $11::jsonb[], $12::integer[], $13::bigint[], $14::bigint[], $15::text[], $16::bigint[], $17::bigint[], $18::text[], $19::text[],
    $20::text[], $21::integer[], $22::integer[], $23::jsonb[]
) AS a (
    id, kind, queue, priority, status, title, subject, session_id, tags, input, metadata, max_attempts, timeout_ms, estimated_ms,
    traceparent, created_ms, scheduled_ms, scope, key, fingerprint, attempt, uncharged, options
)
-- What few jobs have: one JSON object, NULL where there is nothing.
LEFT JOIN LATERAL jsonb_to_record(a.options) AS o (
    description text, concurrency_key text, retry_base_ms bigint, retry_cap_ms bigint, unique_key text, unique_span text, unique_ms bigint,
    flow_id uuid, flow_name text, depends_on uuid[], on_parent_failure text, submitted_by text, webhook jsonb
) ON true
WHERE o.unique_key IS NULL OR o.flow_id IS NOT NULL OR NOT EXISTS (
    SELECT FROM jobs h
    WHERE h.kind = a.kind AND h.unique_key = o.unique_key AND h.id <> a.id AND CASE h.unique_span
        WHEN 'queued' THEN h.status IN ('waiting', 'scheduled', 'queued') AND h.attempt = 0
        WHEN 'active' THEN h.status NOT IN ('completed', 'failed', 'cancelled')
        ELSE h.created_at + h.unique_ms * interval '1 millisecond' > now()
    END
)
-- Two statements that share keys meet them in the same order: no deadlock.
ORDER BY a.scope, a.key, a.id
ON CONFLICT DO NOTHING
RETURNING id
