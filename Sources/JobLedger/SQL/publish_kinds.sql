-- What the kinds of this version take: written only where it differs. $1 kind, $2 queue, $3 attempts, $4 timeout, $5 estimate, $6 fields, $7 open.
INSERT INTO job_kinds AS k (kind, queue, max_attempts, timeout_ms, estimated_ms, fields, is_open)
SELECT kind, queue, max_attempts, timeout_ms, estimated_ms, fields, is_open::boolean
FROM unnest($1::text[], $2::text[], $3::integer[], $4::bigint[], $5::bigint[], $6::jsonb[], $7::text[])
    AS a (kind, queue, max_attempts, timeout_ms, estimated_ms, fields, is_open)
ORDER BY a.kind
ON CONFLICT (kind) DO UPDATE SET
    queue = excluded.queue, max_attempts = excluded.max_attempts, timeout_ms = excluded.timeout_ms, estimated_ms = excluded.estimated_ms,
    fields = excluded.fields, is_open = excluded.is_open, registered = false, registration = NULL, updated_at = now()
WHERE (k.queue, k.max_attempts, k.timeout_ms, k.estimated_ms, k.fields, k.is_open, k.registered)
    IS DISTINCT FROM (excluded.queue, excluded.max_attempts, excluded.timeout_ms, excluded.estimated_ms, excluded.fields, excluded.is_open, false)
