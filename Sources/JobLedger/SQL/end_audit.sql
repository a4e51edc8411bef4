-- $5 and $6 are known only when it is done: what was made, and what it says of itself.
UPDATE audit_log SET
    outcome = $2::text, status = $3::integer, problem = $4::text, target = coalesce($5::text, target), detail = detail || $6::jsonb,
    ended_at = now()
WHERE id = $1::uuid AND outcome IS NULL
