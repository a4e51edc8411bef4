-- The last $2 attempts of each job, oldest first.
SELECT
    t.job_id, t.attempt, t.worker, t.outcome, t.error, t.error_type,
    (extract(epoch FROM t.started_at) * 1000)::bigint AS started_ms,
    (extract(epoch FROM t.ended_at) * 1000)::bigint AS ended_ms
FROM unnest($1::uuid[]) AS a (id)
CROSS JOIN LATERAL (SELECT * FROM job_attempts WHERE job_id = a.id ORDER BY attempt DESC LIMIT $2::integer) AS t
ORDER BY t.job_id, t.attempt
