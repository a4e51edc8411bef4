-- How long the last completed attempts of kinds took, and what they were asked for where that is small. $1 the kinds.
SELECT k.kind, (extract(epoch FROM t.ended_at - t.started_at) * 1000)::bigint AS milliseconds,
    CASE WHEN pg_column_size(j.input) <= 4000 THEN j.input END AS input
FROM unnest($1::text[]) AS k (kind)
CROSS JOIN LATERAL (
    SELECT id, attempt, input FROM jobs WHERE kind = k.kind AND status = 'completed' ORDER BY created_at DESC, id DESC LIMIT 500
) AS j
JOIN job_attempts t ON t.job_id = j.id AND t.attempt = j.attempt AND t.outcome = 'completed'
