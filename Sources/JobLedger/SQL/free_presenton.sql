-- Takes the right to ask from a question that was left without an answer for $3 ms, or for $4 ms where its job has ended. $1 server,
-- $2 the job that asks, $5 tasks that the server lists now: what may be the answer is kept, because later ones may be others'.
UPDATE presenton_tasks t SET
    outcome = 'overtaken', closed_at = now(),
    candidates = CASE WHEN t.known IS NOT NULL AND $5::text[] IS NOT NULL THEN ARRAY(
        SELECT k FROM unnest($5::text[]) k
        WHERE k <> ALL (t.known) AND NOT EXISTS (SELECT FROM presenton_tasks o WHERE o.server = t.server AND o.task_id = k)
    ) END
WHERE t.server = $1::text AND t.task_id IS NULL AND t.outcome IS NULL AND t.job_id <> $2::uuid
    AND (t.held_at < now() - $3::bigint * interval '1 millisecond'
        OR t.held_at < now() - $4::bigint * interval '1 millisecond'
            AND NOT EXISTS (SELECT FROM jobs j WHERE j.id = t.job_id AND j.status NOT IN ('completed', 'failed', 'cancelled')))
