SELECT number, sender, (extract(epoch FROM started_at) * 1000)::bigint AS started_ms, duration_ms, status, body, error, error_type
FROM webhook_attempts WHERE delivery_id = $1::uuid ORDER BY number DESC LIMIT 100
