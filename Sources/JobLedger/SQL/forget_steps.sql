-- Steps that nobody will ask for again: of jobs that are completed, cancelled or gone. Those of a dead letter stay: it may be retried.
-- $1 leader token, $2 how many at most.
DELETE FROM job_steps WHERE ctid = ANY (ARRAY(
    SELECT s.ctid FROM job_steps s LEFT JOIN jobs j ON j.id = s.job_id
    WHERE (j.id IS NULL OR j.status IN ('completed', 'cancelled')) AND (SELECT tidewheel.leads($1::bigint))
    LIMIT $2::integer
))
