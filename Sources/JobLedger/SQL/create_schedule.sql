-- No row: the name is taken.
INSERT INTO schedules (
    id, name, expression, time_zone, kind, input, options, missed, overlap, enabled, anchor_at, next_run_at, created_at, updated_at
) VALUES (
    $1::uuid, $2::text, $3::text, $4::text, $5::text, $6::jsonb, $7::jsonb, $8::text, $9::text, $10::boolean,
    to_timestamp($11::bigint / 1000.0), to_timestamp($12::bigint / 1000.0), to_timestamp($13::bigint / 1000.0),
    to_timestamp($13::bigint / 1000.0)
)
ON CONFLICT (name) DO NOTHING
RETURNING id
