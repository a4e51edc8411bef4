-- Changes a schedule that still has the version it was read with ($14). $15: its times are new; otherwise the next one stays, which a run
-- may have moved meanwhile. No row: somebody else changed it, or it is gone.
UPDATE schedules SET
    name = $2::text, expression = $3::text, time_zone = $4::text, kind = $5::text, input = $6::jsonb, options = $7::jsonb,
    missed = $8::text, overlap = $9::text, enabled = $10::boolean, anchor_at = to_timestamp($11::bigint / 1000.0),
    next_run_at = CASE WHEN $15::boolean THEN to_timestamp($12::bigint / 1000.0) ELSE next_run_at END,
    updated_at = to_timestamp($13::bigint / 1000.0), version = version + 1
WHERE id = $1::uuid AND version = $14::bigint
RETURNING id
