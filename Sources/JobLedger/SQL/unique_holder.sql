-- Who holds a unique key, by the rows. $1 kind, $2 key. A job whose attempt has begun no longer holds one that ends with the waiting.
SELECT id FROM jobs
WHERE kind = $1::text AND unique_key = $2::text AND CASE unique_span
    WHEN 'queued' THEN status IN ('waiting', 'scheduled', 'queued') AND attempt = 0
    WHEN 'active' THEN status NOT IN ('completed', 'failed', 'cancelled')
    ELSE created_at + unique_ms * interval '1 millisecond' > now()
END
ORDER BY id DESC LIMIT 1
