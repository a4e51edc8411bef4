UPDATE queues SET paused_at = NULL, paused_by = NULL WHERE name = $1::text AND paused_at IS NOT NULL
