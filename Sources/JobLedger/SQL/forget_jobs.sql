-- Records of jobs that ended long ago, with their attempts (by the foreign key) and steps. Rows that somebody has locked wait for the next time,
-- and a flow goes when all of it has ended that long ago. $1 leader token, $2 days, $3 how many at most.
WITH old AS (
    SELECT j.id FROM jobs j
    WHERE j.finished_at < now() - make_interval(days => $2::integer)
        AND j.status IN ('completed', 'failed', 'cancelled')
        AND (SELECT tidewheel.leads($1::bigint))
        AND (j.flow_id IS NULL OR NOT EXISTS (
            SELECT FROM jobs o WHERE o.flow_id = j.flow_id AND (o.finished_at IS NULL OR o.finished_at >= now() - make_interval(days => $2::integer))
        ))
    ORDER BY j.finished_at
    LIMIT $3::integer
    FOR UPDATE OF j SKIP LOCKED
),
steps AS (
    DELETE FROM job_steps s USING old WHERE s.job_id = old.id
)
DELETE FROM jobs USING old WHERE jobs.id = old.id
