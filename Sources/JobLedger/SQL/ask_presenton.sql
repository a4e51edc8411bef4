-- Notes that a job is about to ask. $1 job, $2 number, $3 server, $4 attempt, $5 tasks that the server lists, NULL: none can be listed.
-- No row: the job has ended, or the attempt is shut out.
INSERT INTO presenton_tasks (job_id, number, server, attempt, known, asked_at, held_at)
SELECT j.id, $2::integer, $3::text, $4::integer,
    CASE WHEN $5::text[] IS NOT NULL THEN ARRAY(
        SELECT k FROM unnest($5::text[]) k WHERE NOT EXISTS (SELECT FROM presenton_tasks o WHERE o.server = $3::text AND o.task_id = k)
    ) END, now(), now()
FROM jobs j WHERE j.id = $1::uuid AND j.status NOT IN ('completed', 'failed', 'cancelled') AND $4::integer > j.fence
ON CONFLICT (job_id, number) DO UPDATE SET
    server = excluded.server, attempt = excluded.attempt, known = excluded.known, asked_at = now(), held_at = now(),
    outcome = NULL, closed_at = NULL, candidates = NULL
WHERE presenton_tasks.task_id IS NULL
RETURNING number
