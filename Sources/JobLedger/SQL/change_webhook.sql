-- Changes a webhook that still has the version it was read with ($8). No row: somebody else changed it, or it is gone.
UPDATE webhooks SET
    url = $2::text, kinds = $3::text[], statuses = $4::text[], subjects = $5::text[], description = $6::text, enabled = $7::boolean,
    disabled_reason = CASE WHEN NOT $7::boolean AND NOT enabled THEN disabled_reason END, version = version + 1, updated_at = now()
WHERE id = $1::uuid AND url IS NOT NULL AND version = $8::bigint
RETURNING id
