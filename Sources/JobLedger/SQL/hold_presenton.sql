-- Takes the right to ask again without asking: to look for the answer. $1 job, $2 number, $3 attempt. No row: the attempt is shut out.
UPDATE presenton_tasks t SET attempt = $3::integer, held_at = now(), outcome = NULL, closed_at = NULL
FROM jobs j
WHERE t.job_id = $1::uuid AND t.number = $2::integer AND t.task_id IS NULL
    AND j.id = t.job_id AND j.status NOT IN ('completed', 'failed', 'cancelled') AND $3::integer > j.fence
RETURNING t.number
