-- What a sender ($2) must know to send a delivery ($1). No row: it is not, or no longer, this job's to send.
SELECT
    d.payload, coalesce(d.url, w.url) AS url, w.enabled, w.secret, d.delivered_at IS NOT NULL AS delivered,
    CASE WHEN w.previous_until > now() THEN w.previous_secret END AS previous
FROM webhook_deliveries d
JOIN webhooks w ON w.id = d.webhook_id
WHERE d.id = $1::uuid AND d.sender = $2::uuid
