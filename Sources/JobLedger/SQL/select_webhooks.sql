SELECT
    id, url, kinds, statuses, subjects, description, enabled, disabled_reason, secret IS NOT NULL AS has_secret, version,
    (extract(epoch FROM CASE WHEN previous_until > now() THEN previous_until END) * 1000)::bigint AS previous_ms,
    (extract(epoch FROM created_at) * 1000)::bigint AS created_ms,
    (extract(epoch FROM updated_at) * 1000)::bigint AS updated_ms
FROM webhooks
