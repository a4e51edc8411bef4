-- Pauses a queue; one that is paused already stays so since then, and by whom.
INSERT INTO queues (name, paused_at, paused_by) VALUES ($1::text, now(), $2::text)
ON CONFLICT (name) DO UPDATE SET paused_at = excluded.paused_at, paused_by = excluded.paused_by WHERE queues.paused_at IS NULL
