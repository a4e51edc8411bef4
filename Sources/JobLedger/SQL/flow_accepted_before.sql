-- Who holds the id or the key of a flow that was not inserted. $1 id, $2 scope, $3 key, $4 fingerprint.
SELECT id, id = $1::uuid OR fingerprint = $4::text AS is_same
FROM flows
WHERE id = $1::uuid OR (idempotency_scope = $2::text AND idempotency_key = $3::text)
ORDER BY id = $1::uuid DESC
LIMIT 1
