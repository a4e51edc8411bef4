-- A job that waits for its time waits no more. $1 id, $2 milliseconds. Returns its id; nothing when it is not scheduled.
UPDATE jobs SET
    status = 'queued', scheduled_at = to_timestamp($2::bigint / 1000.0), updated_at = to_timestamp($2::bigint / 1000.0)
WHERE id = $1::uuid AND status = 'scheduled'
RETURNING id
