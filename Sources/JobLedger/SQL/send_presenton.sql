-- Notes that a deck is about to be asked for while the worker waits. $1 job, $2 number, $3 attempt, $4 decks of the same text that the server
-- lists, NULL: it lists none. No row: the job has ended, or the attempt is shut out.
UPDATE presenton_tasks t SET attempt = $3::integer, known = $4::text[], sent_at = now(), outcome = 'foreground', closed_at = NULL
FROM jobs j
WHERE t.job_id = $1::uuid AND t.number = $2::integer AND t.task_id IS NULL AND t.deck_id IS NULL
    AND j.id = t.job_id AND j.status NOT IN ('completed', 'failed', 'cancelled') AND $3::integer > j.fence
RETURNING t.number
