-- Records of jobs that ended long ago, with their attempts (by the foreign key), steps and times. Rows that somebody has locked wait for the next
-- time, and a flow goes when every job of it has ended as long ago as its kind is kept. $1 leader token, $2 days (0: for ever), $3 how many at most,
-- $4 kinds with days of their own, $5 these days. An index gives the oldest of each kind and status: nothing else is looked at.
WITH RECURSIVE kinds (kind) AS (
    (SELECT kind FROM jobs ORDER BY kind LIMIT 1)
    UNION ALL
    SELECT (SELECT j.kind FROM jobs j WHERE j.kind > k.kind ORDER BY j.kind LIMIT 1) FROM kinds k WHERE k.kind IS NOT NULL
),
ages AS MATERIALIZED (
    SELECT k.kind, now() - make_interval(days => coalesce(a.days, $2::integer)) AS before
    FROM kinds k LEFT JOIN unnest($4::text[], $5::integer[]) AS a (kind, days) ON a.kind = k.kind
    WHERE k.kind IS NOT NULL AND coalesce(a.days, $2::integer) > 0 AND (SELECT tidewheel.leads($1::bigint))
),
picked AS MATERIALIZED (
    SELECT oldest.id FROM ages a
    CROSS JOIN unnest(ARRAY['completed', 'failed', 'cancelled']) AS s (status)
    CROSS JOIN LATERAL (
        SELECT j.id FROM jobs j
        -- What ended before then was accepted before then.
        WHERE j.kind = a.kind AND j.status = s.status AND j.created_at < a.before AND j.finished_at < a.before
            AND (j.flow_id IS NULL OR NOT EXISTS (
                SELECT FROM jobs o LEFT JOIN ages b ON b.kind = o.kind
                WHERE o.flow_id = j.flow_id AND (o.finished_at < b.before) IS NOT TRUE
            ))
        ORDER BY j.created_at, j.id
        LIMIT $3::integer
    ) AS oldest
    LIMIT $3::integer
),
old AS (
    SELECT j.id FROM jobs j JOIN picked p ON p.id = j.id
    WHERE j.status IN ('completed', 'failed', 'cancelled')
    FOR UPDATE OF j SKIP LOCKED
),
steps AS (
    DELETE FROM job_steps s USING old WHERE s.job_id = old.id
),
times AS (
    DELETE FROM job_step_times t USING old WHERE t.job_id = old.id
),
found AS (
    DELETE FROM job_search s USING old WHERE s.job_id = old.id
)
DELETE FROM jobs USING old WHERE jobs.id = old.id
