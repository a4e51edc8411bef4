SELECT job_count, cancelled_at IS NOT NULL AS is_cancelled FROM flows WHERE id = $1::uuid FOR UPDATE
