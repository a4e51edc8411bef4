-- One attempt at a delivery ($1) by its sender ($2) came to an end: $3 began in milliseconds, $4 how long, $5 HTTP status, $6 body, $7 error,
-- $8 error type, $9 whether it arrived, $10 whether the receiver wants no more. No row: the delivery has another sender by now.
WITH tried AS (
    UPDATE webhook_deliveries SET
        attempts = attempts + 1, delivered_at = CASE WHEN $9::boolean THEN now() ELSE delivered_at END
    WHERE id = $1::uuid AND sender = $2::uuid
    RETURNING id, attempts, webhook_id, url
),
noted AS (
    INSERT INTO webhook_attempts (delivery_id, number, sender, started_at, duration_ms, status, body, error, error_type)
    SELECT id, attempts, $2::uuid, to_timestamp($3::bigint / 1000.0), $4::bigint, $5::integer, $6::text, $7::text, $8::text FROM tried
),
gone AS (
    UPDATE webhooks w SET enabled = false, disabled_reason = 'gone', version = version + 1, updated_at = now()
    FROM tried t WHERE $10::boolean AND w.id = t.webhook_id AND t.url IS NULL AND w.url IS NOT NULL
)
SELECT attempts FROM tried
