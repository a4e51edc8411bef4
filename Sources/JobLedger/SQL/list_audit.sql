-- Newest first, below the entry $1, at most $2. A filter that is NULL says nothing.
SELECT
    id, actor, key_id, name, address, action, target, detail, request_id, outcome, status, problem,
    (extract(epoch FROM at) * 1000)::bigint AS at_ms,
    (extract(epoch FROM ended_at) * 1000)::bigint AS ended_ms
FROM audit_log
WHERE ($1::uuid IS NULL OR id < $1::uuid)
    AND ($3::text[] IS NULL OR actor = ANY ($3::text[]))
    AND ($4::text IS NULL OR key_id = $4::text)
    AND ($5::text[] IS NULL OR action = ANY ($5::text[]))
    AND ($6::text IS NULL OR target = $6::text)
    AND ($7::text IS NULL OR request_id = $7::text)
    AND ($8::text[] IS NULL OR coalesce(outcome, 'open') = ANY ($8::text[]))
    AND ($9::bigint IS NULL OR at >= to_timestamp($9::bigint / 1000.0))
    AND ($10::bigint IS NULL OR at < to_timestamp($10::bigint / 1000.0))
ORDER BY id DESC
LIMIT $2::integer
