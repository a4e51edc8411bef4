-- Who holds the ids or keys that inserted nothing. $1 id, $2 scope, $3 key: one row a request that finds something, its id first.
SELECT a.place, j.id, j.fingerprint, j.id = a.id AS same_id
FROM unnest($1::uuid[], $2::text[], $3::text[]) WITH ORDINALITY AS a (id, scope, key, place)
JOIN jobs j ON j.id = a.id OR (j.idempotency_scope = a.scope AND j.idempotency_key = a.key)
ORDER BY a.place, same_id DESC
