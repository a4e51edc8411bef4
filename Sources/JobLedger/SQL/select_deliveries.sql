SELECT
    d.id, d.webhook_id, d.job_id, d.event, coalesce(d.url, w.url) AS url, d.payload, d.sender, d.attempts, d.created_at, d.delivered_at,
    CASE
        WHEN d.delivered_at IS NOT NULL THEN 'delivered'
        WHEN j.status IN ('failed', 'cancelled') THEN j.status
        -- Its sender was forgotten before the delivery was.
        WHEN j.status IS NULL THEN 'failed'
        ELSE 'pending'
    END AS state,
    (extract(epoch FROM d.created_at) * 1000)::bigint AS created_ms,
    (extract(epoch FROM d.delivered_at) * 1000)::bigint AS delivered_ms,
    (extract(epoch FROM CASE WHEN j.status = 'scheduled' THEN j.scheduled_at END) * 1000)::bigint AS next_ms
FROM webhook_deliveries d
JOIN webhooks w ON w.id = d.webhook_id
LEFT JOIN jobs j ON j.id = d.sender
