-- Keeps what Presenton called the task: the first name stands. $1 job, $2 number, $3 task. Returns the name.
UPDATE presenton_tasks SET task_id = coalesce(task_id, $3::text), outcome = NULL, closed_at = NULL
WHERE job_id = $1::uuid AND number = $2::integer
RETURNING task_id
