SELECT name, (extract(epoch FROM paused_at) * 1000)::bigint AS paused_ms, paused_by FROM queues WHERE paused_at IS NOT NULL ORDER BY name
