-- The flow's own row; its jobs follow in the same transaction. $1 id, $2 name, $3 metadata, $4 jobs, $5 milliseconds, $6 scope, $7 key, $8 fingerprint.
INSERT INTO flows (id, name, metadata, job_count, created_at, idempotency_scope, idempotency_key, fingerprint)
VALUES ($1::uuid, $2::text, $3::jsonb, $4::integer, to_timestamp($5::bigint / 1000.0), $6::text, $7::text, $8::text)
ON CONFLICT DO NOTHING
RETURNING id
