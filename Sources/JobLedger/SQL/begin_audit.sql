INSERT INTO audit_log (id, at, actor, key_id, name, address, action, target, detail, request_id, outcome, ended_at)
VALUES (
    $1::uuid, to_timestamp($2::bigint / 1000.0), $3::text, $4::text, $5::text, $6::text, $7::text, $8::text, $9::jsonb, $10::text, $11::text,
    CASE WHEN $11::text IS NOT NULL THEN now() END
)
