-- Which of these ends are in the rows already: the answer to the first request was lost. $1 id, $2 attempt, $3 lease, $4 outcome.
SELECT a.id, j.flow_id IS NOT NULL AS in_flow
FROM unnest($1::uuid[], $2::integer[], $3::text[], $4::text[]) AS a (id, attempt, lease, outcome)
JOIN jobs j ON j.id = a.id AND j.ended_by = a.lease
JOIN job_attempts t ON t.job_id = a.id AND t.attempt = a.attempt AND t.outcome = a.outcome
