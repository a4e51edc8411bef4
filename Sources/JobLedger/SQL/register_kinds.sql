-- Kinds of another program; $1 to $7 as in publish_kinds.sql, $8 registration. Who calls has looked whose the names and queues are.
INSERT INTO job_kinds AS k (kind, queue, max_attempts, timeout_ms, estimated_ms, fields, is_open, registered, registration)
SELECT kind, queue, max_attempts, timeout_ms, estimated_ms, fields, is_open::boolean, true, registration
FROM unnest($1::text[], $2::text[], $3::integer[], $4::bigint[], $5::bigint[], $6::jsonb[], $7::text[], $8::jsonb[])
    AS a (kind, queue, max_attempts, timeout_ms, estimated_ms, fields, is_open, registration)
ORDER BY a.kind
ON CONFLICT (kind) DO UPDATE SET
    queue = excluded.queue, max_attempts = excluded.max_attempts, timeout_ms = excluded.timeout_ms, estimated_ms = excluded.estimated_ms,
    fields = excluded.fields, is_open = excluded.is_open, registration = excluded.registration, updated_at = now()
WHERE k.registered
