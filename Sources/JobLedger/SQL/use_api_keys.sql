-- Keys ($1) were used at ($2, milliseconds). Whoever tells of it, a row is written at most once in $3 ms; one that is locked waits for the next time.
UPDATE api_keys k SET last_used_at = u.at
FROM (SELECT id, to_timestamp(ms / 1000.0) AS at FROM unnest($1::text[], $2::bigint[]) AS given (id, ms)) u
WHERE k.id = u.id AND (k.last_used_at IS NULL OR k.last_used_at <= u.at - $3::bigint * interval '1 millisecond')
    AND k.id IN (SELECT h.id FROM api_keys h WHERE h.id = ANY ($1::text[]) FOR UPDATE SKIP LOCKED)
