SELECT d.sender, d.event, coalesce(d.url, w.url) AS url, w.enabled
FROM webhook_deliveries d JOIN webhooks w ON w.id = d.webhook_id
WHERE d.id = $1::uuid AND d.webhook_id = $2::uuid FOR UPDATE OF d
