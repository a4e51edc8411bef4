-- Newest first. $1 webhook, $2 below this id, $3 of this job only, $4 only those that are not delivered, $5 how many at most.
WHERE d.webhook_id = $1::uuid AND ($2::uuid IS NULL OR d.id < $2::uuid) AND ($3::uuid IS NULL OR d.job_id = $3::uuid)
    AND (NOT $4::boolean OR d.delivered_at IS NULL)
ORDER BY d.id DESC
LIMIT $5::integer
