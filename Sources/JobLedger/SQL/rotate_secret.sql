-- A new secret ($2); the old one signs beside it for $3 seconds. No row: there is no such webhook.
UPDATE webhooks SET
    previous_secret = CASE WHEN $3::integer > 0 THEN secret END,
    previous_until = CASE WHEN $3::integer > 0 AND secret IS NOT NULL THEN now() + make_interval(secs => $3::integer) END,
    secret = $2::text, updated_at = now()
WHERE id = $1::uuid
RETURNING id
